//! Changes by every other way than `patch`: `edit` with an editor that is a script, `set image`, `scale`, `replace
//! --force`, labels for many, standard input, folders, kustomize, prune and the commands about the last applied state.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

fn config_map(name: &str, value: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  labels: {{set: pruned}}\ndata:\n  colour: {value}\n"
    )
}

/// The editors and manifests.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    session.script("paint", "sed -i 's/colour: blue/colour: green/' \"$1\"")?;
    session.script("leave", "exit 0")?;
    // The second time the file holds the server's complaint; an editor that then changes nothing gives up.
    session.script("more", "grep -q 'completions: 7' \"$1\" || sed -i 's/completions: 1/completions: 7/' \"$1\"")?;
    session.file("page.yaml", &config_map("page", "blue"))?;
    session.file("one.yaml", &config_map("one", "red"))?;
    session.file("two.yaml", &format!("{}---\n{}", config_map("one", "red"), config_map("two", "red")))?;
    let folder = session.folder().join("kustom");
    std::fs::create_dir(&folder)?;
    session.file("kustom/job.yaml", &manifest("build"))?;
    session.file(
        "kustom/kustomization.yaml",
        "namePrefix: team-\nnamespace: shelf\ncommonAnnotations: {owner: us}\nresources: [job.yaml]\nconfigMapGenerator:\n- name: settings\n  \
         literals: [colour=blue]\n",
    )?;
    let folder = session.folder().join("folder/inner");
    std::fs::create_dir_all(&folder)?;
    session.file("folder/a.yaml", &config_map("folder-a", "red"))?;
    session.file("folder/inner/b.yml", &config_map("folder-b", "red"))
}

fn manifest(name: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\nspec:\n  suspend: true\n  template:\n    spec:\n      restartPolicy: \
         Never\n      containers:\n      - {{name: c, image: busybox, command: [\"true\"]}}\n"
    )
}

/// The steps.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = edit();
    steps.extend(images_and_scale());
    steps.extend(replaced());
    steps.extend(many());
    steps.extend(applied());
    steps.extend(folders());
    steps
}

fn edit() -> Vec<Step> {
    vec![
        step("create -f {work}/page.yaml").out("configmap/page created"),
        step("edit configmap page").env("KUBE_EDITOR", "{work}/paint").out("configmap/page edited"),
        step("get configmap page -o jsonpath={.data.colour}").out("green"),
        step("edit configmap page").env("EDITOR", "{work}/leave").err("Edit cancelled, no changes made."),
        step("edit job alpha -n shelf")
            .env("KUBE_EDITOR", "{work}/more")
            .exits(1)
            .err_has("error: jobs.batch \"alpha\" is invalid")
            .err_has("error: Edit cancelled, no valid changes were saved."),
        step("edit configmap none")
            .env("KUBE_EDITOR", "{work}/leave")
            .fails("Error from server (NotFound): configmaps \"none\" not found"),
    ]
}

fn images_and_scale() -> Vec<Step> {
    vec![
        step("set image job/alpha -n shelf alpha=other")
            .exits(1)
            .err_has("error: failed to patch image update to pod template: Job.batch \"alpha\" is invalid: spec.template: Invalid value: *: field is immutable"),
        step("set image job/alpha -n shelf none=other").fails("error: unable to find container named \"none\""),
        step("run painted --image=busybox --restart=Never -- sleep 600").out("pod/painted created"),
        step("wait --for=condition=ready pod/painted --timeout=20s").out("pod/painted condition met"),
        step("set image pod/painted painted=busybox:2").out("pod/painted image updated"),
        step("get pod painted -o jsonpath={.spec.containers[0].image}").out("busybox:2"),
        step("patch pod painted -p '{\"spec\":{\"containers\":[{\"name\":\"painted\",\"command\":[\"true\"]}]}}'")
            .exits(1)
            .err_has("The Pod \"painted\" is invalid: spec: Forbidden: pod updates may not change fields other than *"),
        step("delete pod painted --now").out("pod \"painted\" deleted*"),
        step("scale job alpha -n shelf --replicas=2").exits(1).err_has("the server could not find the requested resource"),
    ]
}

fn replaced() -> Vec<Step> {
    vec![
        step("replace --force -f {work}/page.yaml").out("configmap \"page\" deleted*\nconfigmap/page replaced"),
        step("get configmap page -o jsonpath={.data.colour}").out("blue"),
        step("replace -f -")
            .input("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: page}\ndata: {colour: black}\n")
            .out("configmap/page replaced"),
        step("get configmap page -o jsonpath={.data.colour}{.metadata.labels}").out("black"),
        step("replace -f -")
            .input("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: none}\n")
            .exits(1)
            .err_has("Error from server (NotFound): error when replacing \"STDIN\": configmaps \"none\" not found"),
        step("create -f -")
            .input("apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: gen-}\n")
            .out("configmap/gen-????? created"),
        step("create -f -")
            .input("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"page\"}}")
            .fails(
                "Error from server (AlreadyExists): error when creating \"STDIN\": configmaps \"page\" already exists",
            ),
        step("patch -f {work}/page.yaml -p '{\"data\":{\"colour\":\"white\"}}' --dry-run=server")
            .out("configmap/page patched*"),
        step("patch configmap page -p '{\"data\":{\"colour\":\"white\"}}' -o jsonpath={.data.colour}").out("white"),
        step("patch configmap page -p '{\"data\":'").exits(1).err_has("*unexpected end of JSON input*").until(20),
        step("patch configmap none -p '{}'").fails("Error from server (NotFound): configmaps \"none\" not found"),
    ]
}

fn many() -> Vec<Step> {
    vec![
        step("label jobs --all -n shelf shelved=yes").out("job.batch/alpha labeled\njob.batch/beta labeled"),
        step("label jobs -l rank=1 -n shelf first=yes").out("job.batch/beta labeled"),
        step("label job beta -n shelf --list").has("first=yes").has("rank=1").has("shelved=yes"),
        step("label job beta -n shelf first-").out("job.batch/beta *labeled"),
        step("label job beta -n shelf rank=9 --resource-version=1 --overwrite")
            .exits(1)
            .err_has("Operation cannot be fulfilled on jobs.batch \"beta\": *"),
        step("label job beta -n shelf 'bad key=1'")
            .exits(1)
            .err_has("The Job \"beta\" is invalid: metadata.labels: Invalid value: \"bad key\": *"),
        step("annotate jobs --all -n shelf note=a").out("job.batch/alpha annotate*\njob.batch/beta annotate*"),
        step("annotate job beta -n shelf note=b").exits(1).err_has(
            "--overwrite is false but found the following declared annotation(s): 'note' already has a value (a)",
        ),
        step("annotate job beta -n shelf note=b --overwrite").out("job.batch/beta annotate*"),
        step("annotate job beta -n shelf note-").out("job.batch/beta annotate*"),
        step("label job beta -n shelf tier=back --dry-run=server -o jsonpath={.metadata.labels.tier}").out("back"),
        step("get job beta -n shelf -o jsonpath={.metadata.labels.tier}{.metadata.annotations.note}").out(""),
    ]
}

fn applied() -> Vec<Step> {
    let prune = "apply -f {work}/one.yaml --prune -l set=pruned -n shelf";
    vec![
        step("apply -f {work}/two.yaml -n shelf").out("configmap/one created\nconfigmap/two created"),
        step("apply view-last-applied configmap/one -n shelf").has("colour: red").has("name: one"),
        // Without the list kubectl wants kinds of `apps` and `networking.k8s.io`, which are not served here.
        step(&format!("{prune} --prune-whitelist=core/v1/ConfigMap")).out("configmap/one unchanged\nconfigmap/two pruned").until(25),
        step(&format!("{prune} --prune-allowlist=core/v1/ConfigMap")).out("configmap/one unchanged\nconfigmap/two pruned").since(26),
        step("get configmap two -n shelf").fails("Error from server (NotFound): configmaps \"two\" not found"),
        step("patch configmap one -n shelf -p '{\"data\":{\"colour\":\"pink\",\"size\":\"3\"}}'").out("configmap/one patched"),
        // What others added stays; what the manifest says comes back.
        step("apply -f {work}/one.yaml -n shelf").out("configmap/one configured"),
        step("get configmap one -n shelf -o jsonpath={.data.colour}:{.data.size}").out("red:3"),
        step("create configmap plain -n shelf").out("configmap/plain created"),
        step("apply -n shelf -f -")
            .input("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\ndata: {a: b}\n")
            .out("configmap/plain configured")
            .err("Warning: resource configmaps/plain is missing the kubectl.kubernetes.io/last-applied-configuration annotation which is required by *apply*"),
        step("apply set-last-applied -n shelf -f -")
            .input("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: plain}\ndata: {a: c}\n")
            .out("configmap/plain configured"),
        step("delete configmap one plain -n shelf").out("configmap \"one\" deleted*\nconfigmap \"plain\" deleted*"),
    ]
}

fn folders() -> Vec<Step> {
    vec![
        step("apply -k {work}/kustom").out("configmap/team-settings-?????????? created\njob.batch/team-build created"),
        step("get job team-build -n shelf -o jsonpath={.metadata.annotations.owner}").out("us"),
        step("diff -k {work}/kustom").out(""),
        step("delete -k {work}/kustom")
            .out("configmap \"team-settings-??????????\" deleted*\njob.batch \"team-build\" deleted*"),
        step("apply -f {work}/folder").out("configmap/folder-a created"),
        step("apply -R -f {work}/folder").out("configmap/folder-a unchanged\nconfigmap/folder-b created"),
        step("delete -R -f {work}/folder").out("configmap \"folder-a\" deleted*\nconfigmap \"folder-b\" deleted*"),
        step("kustomize {work}/kustom").has("name: team-build"),
    ]
}
