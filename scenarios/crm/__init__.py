"""What the scenarios of the CRM share: auth, payloads, answers, keys files."""
