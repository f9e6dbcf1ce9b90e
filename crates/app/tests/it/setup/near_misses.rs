//! What looks nearly right: named, and mended where it is safe.

use pintail_sandbox::{App, Platform};

use super::{Ground, events};

const CLIENT: &str = "0a0a0a0a-1111-2222-3333-444444444444";

/// Puts an application of somebody else's into the tenant.
fn with_app(edit: impl FnOnce(&mut App)) -> Ground {
    let ground = Ground::new();
    let mut app = App::new(CLIENT, "Pintail");
    app.redirect_uris = vec![(Platform::Mobile, "http://localhost".to_owned())];
    app.assignment_required = true;
    edit(&mut app);
    ground.cloud.world().put_app(app);
    ground
}

fn seen(ground: &Ground) -> String {
    let shown = ground.setup(&["--dry-run"]).succeeded().json_lines();
    let misses = events(&shown, "near_miss");
    misses.iter().map(|miss| format!("{} | {} | {}\n", miss["seen"], miss["means"], miss["next"])).collect()
}

/// behaviour: setup
#[test]
fn each_fault_of_an_application_is_named() {
    type Edit = fn(&mut App);
    let table: [(Edit, &[&str]); 6] = [
        (
            |app| app.redirect_uris = vec![(Platform::Web, "http://localhost".to_owned())],
            &["under Web", "AADSTS7000218"],
        ),
        (
            |app| app.redirect_uris = vec![(Platform::Spa, "http://localhost".to_owned())],
            &["Single-page", "AADSTS9002327"],
        ),
        (
            |app| app.redirect_uris = vec![(Platform::Mobile, "http://127.0.0.1:8400/".to_owned())],
            &["127.0.0.1", "AADSTS50011"],
        ),
        (|app| app.multi_tenant = true, &["every tenant", "common"]),
        (|app| app.secrets = vec!["a-secret-of-the-application".to_owned()], &["has a secret"]),
        (|_| {}, &["access tokens of version 1"]),
    ];
    for (edit, words) in table {
        let seen = seen(&with_app(edit));
        for word in words {
            assert!(seen.contains(word), "{word} is not in {seen}");
        }
    }
    let several = with_app(|_| {});
    let mut twin = App::new("0b0b0b0b-1111-2222-3333-444444444444", "Pintail");
    twin.redirect_uris = Vec::new();
    several.cloud.world().put_app(twin);
    assert!(seen(&several).contains("another application is called"), "{}", seen(&several));
}

/// behaviour: setup
#[test]
fn an_application_of_somebody_elses_is_mended_and_given_back_as_it_was() {
    let ground = with_app(|app| {
        app.redirect_uris = vec![
            (Platform::Web, "http://localhost".to_owned()),
            (Platform::Web, "https://app.contoso.com/answer".to_owned()),
        ];
        app.assignment_required = false;
        app.enabled = false;
    });
    let before = ground.state();
    ground.set_up();
    let app = ground.cloud.world().app(CLIENT).expect("the same application");
    assert!(app.enabled && app.assignment_required);
    assert!(
        app.redirect_uris.contains(&(Platform::Mobile, "http://localhost".to_owned())),
        "{:?}",
        app.redirect_uris
    );
    assert!(app.redirect_uris.contains(&(Platform::Web, "https://app.contoso.com/answer".to_owned())));
    assert_eq!(ground.cloud.world().apps().len(), 1);
    ground.env.run(["ls", &format!("team:{}/", ground.bucket())]).succeeded();
    ground.run(&["--rollback", "--bookmark", "team", "--yes"]).succeeded();
    assert_eq!(ground.state(), before);

    // What no setup made is not removed either.
    ground.set_up();
    let removed = ground.run(&["remove", "--bookmark", "team", "--yes"]).succeeded();
    assert!(removed.stdout.contains("which no setup made"), "{}", removed.stdout);
    assert!(ground.cloud.world().app(CLIENT).is_some());
    assert_eq!(ground.cloud.world().roles(), Vec::<String>::new());
}
