"""The part of W&B's GraphQL that an SDK and a forwarder use: each root field is a function from its arguments to data."""
import base64
import json
import random
import re

from .query import Field, Refused, Variable, check_variables, parse, select
from .runs import EVENTS, HISTORY, OUTPUT, Run, read_json

TEXT, TRUTH = "String", "Boolean"
UPSERT_INPUT = {  # and what a variable that goes there is declared as
    "id": TEXT, "name": TEXT, "modelName": TEXT, "entityName": TEXT, "groupName": TEXT, "description": TEXT,
    "displayName": TEXT, "notes": TEXT, "commit": TEXT, "config": "JSONString", "host": TEXT, "debug": TRUTH,
    "jobProgram": TEXT, "jobRepo": TEXT, "jobType": TEXT, "state": TEXT, "sweep": TEXT, "tags": "[String!]",
    "summaryMetrics": "JSONString"}
KEPT = {"groupName": "group", "description": "description", "displayName": "display_name", "notes": "notes",
        "commit": "commit", "host": "host", "jobProgram": "program", "jobRepo": "repo", "jobType": "job_type",
        "state": "state", "sweep": "sweep", "tags": "tags", "config": "config_json"}
TAIL_LINES = 3


def _key(kind, *names):
    return base64.b64encode(":".join((kind, "v1", *names)).encode()).decode()


def _take(arguments, allowed, required=()):
    for name in arguments:
        if name not in allowed:
            raise Refused(400, f"Unknown argument {name}")
    for name in required:
        if arguments.get(name) is None:
            raise Refused(400, f"Argument {name} is required")
    return [arguments.get(name) for name in allowed]


def _check_declared(operation, given):
    """A variable is declared as what its place wants, whatever it holds."""
    for name, value in given.items() if isinstance(given, dict) else ():
        declared = operation.variables[value.name].type.rstrip("!") if isinstance(value, Variable) else None
        if declared not in (None, UPSERT_INPUT.get(name)):
            raise Refused(400, f"Variable ${value.name} of type {declared} is used where {UPSERT_INPUT.get(name)} is wanted")


def _check_upsert(given):
    for name, value in given.items():
        if name not in UPSERT_INPUT:
            raise Refused(400, f"Field {name} is not defined by UpsertBucketInput")
        kind = {TEXT: str, "JSONString": str, TRUTH: bool}.get(UPSERT_INPUT[name], list)
        if value is not None and not isinstance(value, kind):
            raise Refused(400, f"{name}: {value!r} is no {UPSERT_INPUT[name]}")
    name, project = given.get("name"), given.get("modelName") or ""
    if not name or name != name.strip() or re.search(r"[:;,#?/']", name) or len(name) > 64:
        raise Refused(400, f"name: {name!r} is no id of a run")
    if re.search(r"[/\\#?%:]", project) or len(project) > 128:
        raise Refused(400, f"modelName: {project!r} is no name of a project")
    for tag in given.get("tags") or []:
        if not isinstance(tag, str) or not 1 <= len(tag) <= 64:
            raise Refused(400, f"tags: {tag!r} is no tag")
    for name in ("config", "summaryMetrics"):
        if given.get(name) is not None and not isinstance(read_json(given[name], name), dict):
            raise Refused(400, f"{name} is no object")
    for name, value in json.loads(given.get("config") or "{}").items():
        if not isinstance(value, dict) or not {"value"} <= set(value) <= {"value", "desc"}:
            raise Refused(400, f"config: {name} has no value")


class Schema:
    """`server` has runs, deleted, canonical, entity, features, base_url, and lag(at)."""

    def __init__(self, server):
        self.server = server
        self.root = {
            "upsertBucket": self.upsert_bucket, "model": self.model, "viewer": self.viewer(), "serverInfo": self.server_info,
            "createRunFiles": self.create_run_files, "notifyScriptableRunAlert": self.alert, "project": self.project,
            "stopRun": self.stop_run, "entity": lambda arguments: {"organization": None},
        }

    def answer(self, body, at):
        """The data for a request's body, which is parsed JSON."""
        if not isinstance(body, dict) or set(body) - {"query", "variables", "operationName"}:
            raise Refused(400, "query, variables and operationName were expected")
        if not isinstance(body.get("query"), str):
            raise Refused(400, "query must be a text")
        if not isinstance(body.get("operationName"), (str, type(None))):
            raise Refused(400, "operationName must be a text")
        operation, fragments = parse(body["query"], body.get("operationName"))
        variables = check_variables(operation, body.get("variables") or {})
        self.at = at
        for field in operation.fields:
            if isinstance(field, Field) and field.name == "upsertBucket":  # judged as a whole before it has an effect
                _check_declared(operation, field.arguments.get("input"))
                select(self.upserted(False, Run("", "", "")), field.fields, fragments, variables)
        return select(self.root, operation.fields, fragments, variables)

    def run(self, entity, project, name):
        server = self.server
        entity, project = entity or server.entity, project or "uncategorized"
        entity, project = server.canonical.get(entity, entity), server.canonical.get(project, project)
        return server.runs.get(f"{entity}/{project}/{name}"), (entity, project, name)

    def upsert_bucket(self, arguments):
        given, = _take(arguments, ("input",), ("input",))
        _check_upsert(given)
        run, names = self.run(given.get("entityName"), given.get("modelName"), given["name"])
        key = "/".join(names)
        if key in self.server.deleted or given["name"] in self.server.deleted:
            raise Refused(409, f"run {key} was previously created and deleted; try a new run name", "deleted")
        if given.get("id") and (run is None or given["id"] != run.storage_id):
            raise Refused(400, f"id: {given['id']} is not that of {key}")
        inserted = run is None
        if inserted:
            run = self.server.runs[key] = Run(*names)
            run.display_name = "fuzzy-plum-%d" % random.Random(key).randrange(1, 1000)
        for name, attribute in KEPT.items():
            if given.get(name) is not None:
                setattr(run, attribute, given[name])
        run.upserts.append(given)
        run.complete, run.exit_code = False, None  # it runs (again)
        return self.upserted(inserted, run)

    def upserted(self, inserted, run):
        return {"inserted": inserted, "bucket": self.bucket(run)}

    def bucket(self, run):
        def wandb_config(arguments):
            keys, = _take(arguments, ("keys",))
            values = run.config.get("_wandb", {}).get("value", {})
            return json.dumps({key: values[key] for key in keys or values if key in values})

        counts = {name: lines.count_at(self.server.lag(self.at)) for name, lines in run.files.items()}
        tails = {name: run.files[name].lines[max(0, counts[name] - TAIL_LINES):counts[name]] for name in (HISTORY, EVENTS)}
        entity = {"id": _key("Entity", run.entity), "name": run.entity}
        return {
            "id": run.storage_id, "name": run.name, "displayName": run.display_name, "description": run.description,
            "config": run.config_json, "sweepName": run.sweep, "tags": run.tags, "notes": run.notes,
            "project": {"id": _key("Project", run.project, run.entity), "name": run.project, "entity": entity},
            "historyLineCount": counts[HISTORY], "eventsLineCount": counts[EVENTS], "logLineCount": counts[OUTPUT],
            "historyTail": json.dumps(tails[HISTORY]), "eventsTail": json.dumps(tails[EVENTS]),
            "summaryMetrics": json.dumps(run.summary or {}), "wandbConfig": wandb_config, "stopped": run.stopped}

    def model(self, arguments):
        project, entity = _take(arguments, ("name", "entityName"), ("name",))

        def bucket(arguments):
            name, _ = _take(arguments, ("name", "missingOk"), ("name",))
            run, names = self.run(entity, project, name)
            if run is None and not arguments.get("missingOk"):
                raise Refused(404, f"run {'/'.join(names)} not found")
            return self.bucket(run) if run else None

        _, (entity, project, _) = self.run(entity, project, "")
        return {"id": _key("Project", project, entity), "name": project,
                "entity": {"id": _key("Entity", entity), "name": entity}, "bucket": bucket}

    def project(self, arguments):
        project, entity = _take(arguments, ("name", "entityName"), ("name",))

        def one(arguments):
            name, = _take(arguments, ("name",), ("name",))
            run, _ = self.run(entity, project, name)
            return self.bucket(run) if run else None

        return {"name": project, "run": one}

    def stop_run(self, arguments):
        given, = _take(arguments, ("input",), ("input",))
        for run in self.server.runs.values():
            if run.storage_id == given.get("id"):
                run.stopped = True
                return {"success": True}
        raise Refused(404, "run not found")

    def viewer(self):
        return {"id": _key("User", "fake"), "entity": self.server.entity, "username": "fake", "email": "fake@example.org",
                "flags": "{}", "admin": False, "teams": {"edges": []}}

    def server_info(self, arguments):
        return {"features": [{"name": name, "isEnabled": True} for name in self.server.features],
                "cliVersionInfo": "{}", "latestLocalVersionInfo": None}

    def create_run_files(self, arguments):
        given, = _take(arguments, ("input",), ("input",))
        run, names = self.run(given.get("entityName"), given.get("projectName"), given.get("runName"))
        if run is None:
            raise Refused(404, f"run {'/'.join(names)} not found")
        return {"runID": run.storage_id, "uploadHeaders": [],
                "files": [{"name": name, "uploadUrl": f"{self.server.base_url}/_storage/{run.key}/{name}"}
                          for name in given.get("files") or []]}

    def alert(self, arguments):
        given, = _take(arguments, ("input",), ("input",))
        self.server.alerts.append(given)
        return {"success": True}
