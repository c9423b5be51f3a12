"""Jobs and how they are trained: on a host far away or in a process on this machine, behind one port."""
