"""Writes webhook.json: the body that Alertmanager's documentation describes, for the notification of WebhookBodyTests.

The order of the keys is that of Alertmanager's structs (notify/webhook: Message; template: Data, Alert); labels and annotations are
sorted, as Go's encoding/json writes maps.
"""

import json


def fingerprint(labels):
    """Prometheus' model.LabelSet.Fingerprint: FNV-1a of 64 bits over sorted names and values, 0xFF behind each."""
    state = 0xCBF29CE484222325
    for name, value in sorted(labels.items()):
        for byte in name.encode() + b"\xff" + value.encode() + b"\xff":
            state = ((state ^ byte) * 0x100000001B3) % 2**64
    return f"{state:016x}"


def alert(service, value, **more):
    identity = {"alertname": "HighLatency", "dc": "eu-west-1", "service": service}
    annotations = {
        "description": "the 95th percentile",
        "runbook": "https://example.org/r",
        "summary": f'slow "{service}"\n',
        "value": value,
        **more,
    }
    return {
        "status": "firing",
        "labels": {**identity, "severity": "page"},
        "annotations": dict(sorted(annotations.items())),
        "startsAt": "2018-03-13T12:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": f"https://martlet.example/alarms/{fingerprint(identity)}",
        "fingerprint": fingerprint(identity),
    }


body = {
    "receiver": "team-X-hook",
    "status": "firing",
    "alerts": [alert("b", "0.75", acknowledged_by="ada"), alert("c", "0.5")],
    "groupLabels": {"alertname": "HighLatency", "dc": "eu-west-1"},
    "commonLabels": {"alertname": "HighLatency", "dc": "eu-west-1", "severity": "page"},
    "commonAnnotations": {"description": "the 95th percentile", "runbook": "https://example.org/r"},
    "externalURL": "https://martlet.example",
    "version": "4",
    "groupKey": '{}/{dc=~"eu*",severity="page"}:{alertname="HighLatency", dc="eu-west-1"}',
    "truncatedAlerts": 1,
}
print(json.dumps(body, indent=2))
