"""The contract of docs/openapi.yaml, checked over HTTP against every path to the answer."""
