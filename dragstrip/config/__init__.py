"""The configuration: sections, fields, presets, and the environment."""
