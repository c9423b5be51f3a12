"""Training jobs: at a remote host or in a process on this machine, behind one interface."""
