"""What the scenario `endpoint` is made of: data files, templates, settings, imports, samples."""
