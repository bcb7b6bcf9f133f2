"""Advancing states in time: rollouts of networks, measured against an independent reference."""
