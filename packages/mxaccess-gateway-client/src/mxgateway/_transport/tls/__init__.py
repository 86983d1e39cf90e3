"""TLS: certificate files, trust and channel credentials."""
