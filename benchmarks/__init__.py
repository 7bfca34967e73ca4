"""What clickasync costs, beside its peers: ``python -m benchmarks``.

How it measures. Everybody who is compared lives in a worker process of his own (`worker.py`), opened once and asked
again and again, in turns, ours before each of the others: A, B, A, C, A, B, A, C. So all of them see the same minutes
of a noisy machine, and a ratio is the median of those of neighbours. CPU time is that of the worker, user and system;
the gateway (`gateway.py`) is another process, on the loopback interface, and nothing is ever sent anywhere else.
"""
