"""What the README's performance table comes from: `python -m benchmarks NAME` measures one thing."""
