"""The instrument measured: against its peers, and against what is known to be true."""
