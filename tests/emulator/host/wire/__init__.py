"""The shapes on the wire: each module reads one kind of request and writes its answer."""
