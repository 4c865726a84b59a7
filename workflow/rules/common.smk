# The study, the site, and the jobs object that gives each rule its inputs, settings and code: `prunepipe.planning`.
import gc
import tempfile

from prunepipe.execution.environment import launch_command
from prunepipe.planning.jobs import Jobs
from prunepipe.planning.start import (
    begin_work,
    load_workflow,
    refuse_early,
    tell_of_running_workflow,
)
from prunepipe.results.layout import (
    BUDGET,
    CELL,
    DENSE,
    GIVEN,
    INITIAL,
    MASK,
    REWIND,
    SCORES,
    SEARCH,
)

# Planning creates many objects but no garbage, for which Python would search again and again.
gc.set_threshold(200_000, 100, 1000)

SCRIPTS = Path(str(workflow.current_basedir)).parent / "scripts"
# OUT: where this study's tables, figures and report go.
SITE, STUDY, OUT = load_workflow(config, workflow.configfiles)
# Snakemake tells a workflow its targets only after it was read.
refuse_early(sys.argv[1:], SCRIPTS, STUDY.name, OUT)
if workflow.is_main_process:
    tell_of_running_workflow()
# The start of every stage's command. With conda or containers, stages run under the python of the environment that
# Snakemake creates for them.
LAUNCH = launch_command(
    SCRIPTS, own_python=not workflow.deployment_settings.deployment_method
)
JOBS = Jobs(STUDY, SITE, SCRIPTS, OUT, LAUNCH)
GPUS = 0 if SITE.device == "cpu" else 1
place = JOBS.place

# Snakemake evaluates this default for every job, as an expression. Here its value is the same for all jobs; on a
# cluster it depends on the machine.
DEFAULTS = workflow.resource_settings._parsed_default_resources
if workflow.local_exec and DEFAULTS["tmpdir"].raw == "system_tmpdir":
    DEFAULTS["tmpdir"] = tempfile.gettempdir()


wildcard_constraints:
    **JOBS.constraints,
