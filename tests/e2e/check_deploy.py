"""The files of `deploy/` are valid, agree with each other, and fit the binaries: images, compose, Kubernetes, Prometheus, Grafana."""

import importlib.machinery
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib

import checks
import headwater

DEPLOY = checks.REPOSITORY / "deploy"
# What debian-slim with `ca-certificates libstdc++6 zlib1g` has.
LIBRARIES = {
    "linux-vdso.so.1", "libc.so.6", "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6", "libdl.so.2", "libpthread.so.0",
    "librt.so.1", "libz.so.1",
}  # fmt: skip


def check(claim, folder):
    images_and_compose(claim)
    libraries(claim)
    kubernetes(claim)
    prometheus(claim)
    dashboard(claim, folder)
    edge_settings(claim, folder)


def images_and_compose(claim):
    dockerfiles = sorted(path for path in DEPLOY.glob("Dockerfile.*") if path.suffix != ".dockerignore")
    claim.equal([path.name for path in dockerfiles], ["Dockerfile.edge", "Dockerfile.server"], "an image each for server and edge")
    done = run(tool("DEPLOYCHECK", "deploycheck"), checks.REPOSITORY / "compose.yaml", *dockerfiles)
    claim.that(done.returncode == 0, "compose.yaml and the Dockerfiles are valid", done.stdout + done.stderr)
    for dockerfile in dockerfiles:
        text = dockerfile.read_text()
        claim.that(re.search(r"^USER [1-9]\d+", text, re.M), f"{dockerfile.name} does not run as root")
        claim.that("HEALTHCHECK" in text, f"{dockerfile.name} has a health check")


def libraries(claim):
    """The images have no more than these, so the binaries must not ask for more."""
    for name in ["headwater", "headwater-edge"]:
        done = run("ldd", headwater.binary(name))
        if not claim.that(done.returncode == 0, f"{name} is built", done.stdout + done.stderr):
            continue
        wanted = {line.split()[0] for line in done.stdout.splitlines() if line.strip()}
        unknown = {library for library in wanted if library not in LIBRARIES and not library.startswith("/lib")}
        claim.equal(unknown, set(), f"{name} asks for no library that its image lacks")


def kubernetes(claim):
    import kubernetes_validate
    import yaml

    folder = DEPLOY / "kubernetes"
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    files = sorted(path.name for path in folder.glob("*.yaml") if path.name != "kustomization.yaml")
    claim.equal(sorted(kustomization["resources"]), files, "the kustomization lists every manifest")
    kinds = []
    for name in files:
        for manifest in yaml.safe_load_all((folder / name).read_text()):
            try:
                kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)
                kinds.append(manifest["kind"])
            except kubernetes_validate.ValidationError as error:
                claim.that(False, f"{name}: {manifest.get('kind')} is valid", error)
            claim.that(manifest["kind"] == "Namespace" or manifest["metadata"]["namespace"] == "headwater", f"{manifest['kind']} {manifest['metadata']['name']} is in the namespace")
    for kind in ["StatefulSet", "DaemonSet", "Service", "ConfigMap", "Namespace"]:
        claim.that(kind in kinds, f"there is a valid {kind}")

    broken = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "dta": {}}
    try:
        kubernetes_validate.validate(broken, kubernetes_validate.latest_version(), strict=True)
        claim.that(False, "the validator refuses an unknown field")
    except kubernetes_validate.ValidationError:
        claim.that(True, "the validator refuses an unknown field")

    loader = importlib.machinery.SourceFileLoader("write_queries", str(folder / "write-queries"))
    sys.dont_write_bytecode = True
    expected = loader.load_module().text()
    claim.that((folder / "queries.yaml").read_text() == expected, "queries.yaml is what write-queries writes: run it")
    written = yaml.safe_load(expected)["data"] or {}
    for query in (checks.REPOSITORY / "queries").glob("*.sql"):
        claim.equal(written[query.name].rstrip("\n"), query.read_text().rstrip("\n"), f"the ConfigMap holds {query.name} as it is")
    claim.equal(sorted(name.removesuffix(".sql") for name in written), sorted(headwater.BUNDLED_QUERIES), "every bundled query is in the ConfigMap")


def prometheus(claim):
    promtool = tool("PROMTOOL", "promtool")
    done = run(promtool, "check", "config", DEPLOY / "prometheus/prometheus.yml")
    claim.that(done.returncode == 0, "promtool accepts the configuration and the rules", done.stdout + done.stderr)
    done = run(promtool, "test", "rules", "alerts.test.yml", cwd=DEPLOY / "prometheus")
    claim.that(done.returncode == 0, "every alert fires when it should and is quiet when it should", done.stdout + done.stderr)
    rules = (DEPLOY / "prometheus/alerts.yml").read_text()
    alerts = set(re.findall(r"- alert: (\w+)", rules))
    tested = set(re.findall(r"alertname: (\w+)", (DEPLOY / "prometheus/alerts.test.yml").read_text()))
    claim.equal(alerts - tested, set(), "every alert is tested")
    known_metrics(claim, rules, "the alerts")


def dashboard(claim, folder):
    board = json.loads((DEPLOY / "grafana/dashboards/headwater.json").read_text())
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    claim.that(all(panel["targets"] and panel["title"] and panel["description"] for panel in panels), "each panel has a title, a description and a query")
    claim.equal(len({panel["id"] for panel in board["panels"]}), len(board["panels"]), "no two panels have one id")
    sources = {target["datasource"]["uid"] for panel in panels for target in panel["targets"]}
    provisioned = re.findall(r"uid: (\S+)", (DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())
    claim.equal(sources, set(provisioned), "the panels ask the provisioned data source")
    known_metrics(claim, "\n".join(queries), "the panels")
    shown = "\n".join(queries)
    unseen = [name for name in headwater.SERVER_METRICS + headwater.EDGE_METRICS if name not in shown]
    claim.equal(unseen, [], "the dashboard shows every metric")
    # promtool parses them as it parses rules.
    rules = {"groups": [{"name": "dashboard", "rules": [{"record": f"panel:{n}", "expr": expr} for n, expr in enumerate(queries)]}]}
    as_rules = folder / "dashboard.rules.json"
    as_rules.write_text(json.dumps(rules))
    done = run(tool("PROMTOOL", "promtool"), "check", "rules", as_rules)
    claim.that(done.returncode == 0, "every query of the dashboard is valid PromQL", done.stdout + done.stderr)


def known_metrics(claim, text, whose):
    known = set(headwater.SERVER_METRICS + headwater.EDGE_METRICS)
    used = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\bheadwater_\w+", text)}
    claim.that(used and used <= known, f"{whose} use metrics that are known", used - known)


def edge_settings(claim, folder):
    """The agent's own check takes the settings of the image and of the DaemonSet, with the clip where it lies here."""
    import yaml

    manifests = yaml.safe_load_all((DEPLOY / "kubernetes/edge.yaml").read_text())
    [config_map] = [m for m in manifests if m["kind"] == "ConfigMap"]
    image = (DEPLOY / "edge/edge.toml").read_text()
    for whose, text in {"the image": image, "the DaemonSet": config_map["data"]["edge.toml"]}.items():
        tomllib.loads(text)
        here = folder / "edge.toml"
        here.write_text(text.replace("/usr/share/headwater/footage", str(checks.REPOSITORY / "footage")))
        done = headwater.once("check", "--config", here, program="headwater-edge", cwd=folder)
        claim.that(done.returncode == 0, f"the agent takes the settings of {whose}", done.stdout + done.stderr)


def tool(variable, installer):
    found = os.environ.get(variable) or shutil.which(installer)
    if found:
        return found
    installed = subprocess.run([checks.REPOSITORY / ".ci/tools" / installer], check=True, stdout=subprocess.PIPE, text=True)
    return installed.stdout.strip()


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300, **options)


if __name__ == "__main__":
    checks.run("deploy", check)
