"""The command `prunepipe`: one module a subcommand, thin; whatever it computes is in the library below."""
