"""Any HTTP server: a scenario's own paths are asked at the address that is configured."""

from dragstrip.scenario.kinds import TargetKind

KIND = TargetKind("http", title="HTTP server")
