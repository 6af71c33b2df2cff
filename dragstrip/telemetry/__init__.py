"""A running race for Prometheus.

The process of `dragstrip race` serves it, which has little else to do, from what the load's
processes store anyway. These pay for one small file a second, and nothing for being asked.
"""
