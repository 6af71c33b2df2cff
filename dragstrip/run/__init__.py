"""What a run leaves on disk: plan, model, folder, live figures."""
