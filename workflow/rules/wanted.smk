# The runs that open tests need, listed by `prunepipe judge` and `prunepipe run --until-decided`.
from prunepipe.planning.wanted import wanted_files


rule wanted:
    input:
        wanted_files,
        JOBS.budgets,
