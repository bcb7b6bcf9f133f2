"""Sharing a resource between the nodes of a network: the power of interfering links."""
