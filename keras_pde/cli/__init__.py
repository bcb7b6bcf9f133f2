"""The command keras-pde: one file a subcommand."""
