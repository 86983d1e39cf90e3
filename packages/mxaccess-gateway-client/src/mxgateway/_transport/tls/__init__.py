"""Certificates: files, trust and credentials."""
