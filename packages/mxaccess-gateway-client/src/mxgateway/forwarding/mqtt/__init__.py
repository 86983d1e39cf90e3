"""Records as messages of an MQTT 5 broker."""

from mxgateway.forwarding.mqtt.options import MqttOptions
from mxgateway.forwarding.mqtt.sink import MqttSink

__all__ = ["MqttOptions", "MqttSink"]
