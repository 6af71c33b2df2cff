"""From a stored run to metrics, gates, ratio and verdict. Nothing here sends."""
