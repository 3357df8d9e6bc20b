"""Holds events to OpenLineage's own schemas, with every facet that the specification knows.

    git clone https://github.com/OpenLineage/OpenLineage
    pip install jsonschema rfc3339-validator rfc3987
    python3 check-openlineage.py OpenLineage/spec [FILE]

FILE has an event a line, as `martlet lineage RUN --json` prints them; `openlineage-events.ndjson` if it is not given. Looked at:
specification 2-0-2, commit 8f02abfb7. Ends with 1 and says what is wrong if an event breaks a schema, if a facet names a schema that is
not in the specification, or if a run does not have one START and one end.
"""

import collections
import json
import pathlib
import sys

import jsonschema
import referencing

spec = pathlib.Path(sys.argv[1])
file = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(__file__).parent / "openlineage-events.ndjson"

schemas = {}
for path in [spec / "OpenLineage.json", *sorted((spec / "facets").glob("*.json"))]:
    schema = json.loads(path.read_text())
    schemas[schema["$id"]] = schema
registry = referencing.Registry().with_resources(
    (name, referencing.Resource.from_contents(schema)) for name, schema in schemas.items())
formats = jsonschema.Draft202012Validator.FORMAT_CHECKER
problems = []


def check(value, url, place):
    validator = jsonschema.Draft202012Validator({"$ref": url}, registry=registry, format_checker=formats)
    for error in validator.iter_errors(value):
        problems.append(f"{place}: {'/'.join(map(str, error.absolute_path))}: {error.message}")


def check_facets(facets, place):
    for name, facet in (facets or {}).items():
        url = facet["_schemaURL"]
        if name.startswith("martlet_"):
            check(facet, "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/BaseFacet", f"{place}.{name}")
        elif url.split("#")[0] not in schemas:
            problems.append(f"{place}.{name}: the specification has no schema {url}")
        else:
            check(facet, url, f"{place}.{name}")
            schema = schemas[url.split("#")[0]]
            if name not in schema["properties"]:
                problems.append(f"{place}.{name}: {url} is of {list(schema['properties'])}")


types = collections.defaultdict(list)
events = [json.loads(line) for line in file.read_text().splitlines()]
for number, event in enumerate(events, 1):
    place = f"line {number}"
    check(event, event["schemaURL"], place)
    check_facets(event["run"].get("facets"), place + ".run")
    check_facets(event["job"].get("facets"), place + ".job")
    for side in ("inputs", "outputs"):
        for dataset in event.get(side, []):
            for facets in ("facets", "inputFacets", "outputFacets"):
                check_facets(dataset.get(facets), f"{place}.{side}.{dataset['name']}")
    types[event["run"]["runId"]].append(event["eventType"])
for run, seen in types.items():
    if seen[0] != "START" or len(seen) != 2 or seen[1] not in ("COMPLETE", "FAIL", "ABORT"):
        problems.append(f"run {run}: its events are {seen}")
parents = {event["run"]["facets"]["parent"]["run"]["runId"] for event in events if "parent" in event["run"]["facets"]}

print("\n".join(problems) or f"{len(events)} events of {len(types)} runs keep to the specification; {len(parents & set(types))} are parents")
sys.exit(1 if problems else 0)
