"""Completion in shells and at the prompt of the batch. It runs at each Tab, so it loads nothing large."""
