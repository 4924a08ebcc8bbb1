"""A client of W&B for tests of our stand-in: says what it is told to, right or wrong."""
import base64
import http.client
import json
import time
from urllib.parse import urlsplit

from fake_wandb import HISTORY

KEY = "a" * 40
RUN = "fake-entity/p/r1"
INPUTS = {"id": "id", "name": "name", "modelName": "project", "entityName": "entity", "groupName": "groupName",
          "displayName": "displayName", "config": "config", "tags": "tags"}
UPSERT = """mutation UpsertBucket($id: String, $name: String, $project: String, $entity: String, $groupName: String,
  $displayName: String, $config: JSONString, $tags: [String!]) {
  upsertBucket(input: {%s}) {
    bucket { id name displayName config project { name entity { name } } historyLineCount }
    inserted } }""" % ", ".join(f"{name}: ${variable}" for name, variable in INPUTS.items())
RESUME = """query RunResumeStatus($project: String, $entity: String, $name: String!) {
  model(name: $project, entityName: $entity) { id name entity { id name }
    bucket(name: $name, missingOk: true) { id name summaryMetrics displayName logLineCount historyLineCount eventsLineCount
      historyTail eventsTail config tags notes wandbConfig(keys: ["t"]) } } }"""


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """Keeps its connection, as a forwarder does."""

    def __init__(self, w, key=KEY, timeout=20, context=None):
        self.url = urlsplit(w.base_url)
        kind = http.client.HTTPSConnection if self.url.scheme == "https" else http.client.HTTPConnection
        self.connection = kind(self.url.hostname, self.url.port, timeout=timeout,
                               **({"context": context} if context else {}))
        self.headers = {"Content-Type": "application/json",
                        "Authorization": "Basic " + base64.b64encode(f"api:{key}".encode()).decode()}

    def post(self, path, body, **headers):
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            self.connection.request("POST", self.url.path + path, body,
                                    {name: value for name, value in sent.items() if value is not None})
            reply = self.connection.getresponse()
            return Answer(reply.status, reply.headers, reply.read())
        except BaseException:
            self.connection.close()
            raise

    def upsert(self, query=UPSERT, **variables):
        given = {**dict.fromkeys(INPUTS.values()), "name": "r1", "project": "p", **variables}
        return self.post("/graphql", {"query": query, "variables": given, "operationName": "UpsertBucket"})

    def resume(self, name="r1"):
        return self.post("/graphql", {"query": RESUME, "variables": {"project": "p", "entity": None, "name": name},
                                      "operationName": "RunResumeStatus"})

    def stream(self, offset, steps, run=RUN, **more):
        lines = [json.dumps({"_step": step, "loss": step / 2}) for step in steps]
        return self.lines(offset, lines, run=run, **more)

    def lines(self, offset, lines, run=RUN, name=HISTORY, **more):
        return self.body({"files": {name: {"offset": offset, "content": lines}}, **more}, run)

    def body(self, body, run=RUN, **headers):
        return self.post(f"/files/{run}/file_stream", body, **headers)

    def start(self):
        """A run with nothing in it."""
        self.upsert()
        return self


def kinds(w):
    return [violation.kind for violation in w.violations]


def wait_until(true, what, patience_s=60):
    deadline = time.monotonic() + patience_s
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience_s} s for {what}")
        time.sleep(0.005)
