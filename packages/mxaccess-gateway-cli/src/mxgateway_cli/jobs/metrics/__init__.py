"""What recording and forwarding report to Prometheus."""
