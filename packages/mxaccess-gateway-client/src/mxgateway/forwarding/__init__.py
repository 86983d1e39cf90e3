"""Forward the changes of tags, and every loss among them, to a broker."""

from mxgateway.forwarding.errors import BrokerUnavailableError, LeaseLostError, StreamTakenError
from mxgateway.forwarding.forwarder import Forwarder, ForwarderStatistics
from mxgateway.forwarding.jetstream import JetStreamLease, JetStreamOptions, JetStreamSink
from mxgateway.forwarding.kafka import KafkaOptions, KafkaSink
from mxgateway.forwarding.lane import Lane, LaneState
from mxgateway.forwarding.mqtt import MqttOptions, MqttSink
from mxgateway.forwarding.naming import decode_name, encode_name, mqtt_topic, nats_subject
from mxgateway.forwarding.payload import Payload, payload_schema
from mxgateway.forwarding.shards import Shard
from mxgateway.forwarding.spool import Spool

__all__ = [
    "BrokerUnavailableError",
    "Forwarder",
    "ForwarderStatistics",
    "JetStreamLease",
    "JetStreamOptions",
    "JetStreamSink",
    "KafkaOptions",
    "KafkaSink",
    "Lane",
    "LaneState",
    "LeaseLostError",
    "MqttOptions",
    "MqttSink",
    "Payload",
    "Shard",
    "Spool",
    "StreamTakenError",
    "decode_name",
    "encode_name",
    "mqtt_topic",
    "nats_subject",
    "payload_schema",
]
