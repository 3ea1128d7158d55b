complete --keep-order --exclusive --command sockdiag --arguments "(SOCKDIAG_COMPLETE=fish sockdiag -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
