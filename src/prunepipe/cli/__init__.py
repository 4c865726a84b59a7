"""The command `prunepipe`: one thin module per subcommand; the library below does the computing."""
