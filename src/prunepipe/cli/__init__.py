"""The command `prunepipe`: a thin layer over the library; heavy imports wait until a command needs them."""
