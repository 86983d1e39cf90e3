"""From options to a gateway that answers: the first call, the choice among several gateways, failover."""
