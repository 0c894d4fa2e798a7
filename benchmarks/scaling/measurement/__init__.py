"""How a cell of the scaling table is measured: servers, proxy, backlog, workers, window."""
