"""One file a command of `simkernel`. Each loads the engine only when it runs, so that --help is fast."""
