//! From a draft to what is wanted, or to everything that is wrong with it.
//!
//! Pure. A reader walks one table: every key that is asked for is taken out, and those nobody asked for are unknown.

use std::collections::{BTreeMap, BTreeSet};

use pintail_core::name::{Partition, Region};

use super::draft::{Draft, Fault, Faults, Item, Node, Problem, VERSION};
use super::{
    Access, AccountWish, BookmarkWish, CredentialFrom, Desired, Endpoints, EntraWish, ExtraClaim, IssuerWish,
    ME, OtherIssuer, People, PlaceWish, rules,
};
use crate::ops::nearest;

/// The role that is made where nobody names one.
pub(crate) const ROLE: &str = "PintailS3";
/// The application that is made where nobody names one.
pub(crate) const APP_NAME: &str = "Pintail";
/// The longest session of a role, in hours.
const SESSION_HOURS_MAX: u32 = 12;
/// A URL, a role and a bucket name are no secrets; a value that is shown is still cut.
const SHOWN_CHARS_MAX: usize = 120;

impl Draft {
    /// Reads what is wanted.
    ///
    /// # Errors
    /// With everything that is missing, unknown or impossible.
    pub(crate) fn read(&self) -> Result<Desired, Faults> {
        let mut faults = Vec::new();
        let desired = read(&self.root, &mut faults);
        faults.sort_by_key(|fault| (fault.line.is_none(), fault.line));
        match desired {
            Some(desired) if faults.is_empty() => Ok(desired),
            _ => Err(Faults(faults)),
        }
    }
}

impl Draft {
    /// Returns who signs people in, once that is said, whatever else is missing.
    pub(crate) fn issuer(&self) -> Option<IssuerWish> {
        let Node::Table(root) = &self.root.node else { return None };
        let find = |name: &str| root.iter().find(|(known, _)| known == name).map(|(_, item)| item);
        let mut faults = Vec::new();
        match (find("entra"), find("issuer")) {
            (Some(entra), None) => read_entra(entra, &mut faults).map(IssuerWish::Entra),
            (None, Some(issuer)) => read_issuer(issuer, &mut faults).map(IssuerWish::Other),
            _ => None,
        }
    }
}

/// One table that is being read.
struct Reader<'a> {
    /// `entra.`, or nothing for the whole file.
    path: String,
    line: Option<usize>,
    entries: Vec<(&'a str, &'a Item)>,
    known: Vec<&'static str>,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    fn new(path: &str, item: &'a Item, faults: &mut Vec<Fault>) -> Option<Self> {
        let Node::Table(table) = &item.node else {
            let problem = Problem::Wrong(format!("is {}, not a table", item.node.kind()));
            let key = path.trim_end_matches('.').to_owned();
            faults.push(Fault { line: item.line, key, problem });
            return None;
        };
        let entries = table.iter().map(|(key, item)| (key.as_str(), item)).collect();
        Some(Self { path: path.to_owned(), line: item.line, entries, known: Vec::new(), faults: Vec::new() })
    }

    fn take(&mut self, key: &'static str) -> Option<&'a Item> {
        self.known.push(key);
        self.entries.iter().find(|(known, _)| *known == key).map(|(_, item)| *item)
    }

    fn fault(&mut self, line: Option<usize>, key: &str, problem: Problem) {
        self.faults.push(Fault { line, key: format!("{}{key}", self.path), problem });
    }

    fn wrong(&mut self, line: Option<usize>, key: &str, what: impl Into<String>) {
        self.fault(line, key, Problem::Wrong(what.into()));
    }

    fn missing(&mut self, key: &str, what: &'static str) {
        self.fault(self.line, key, Problem::Missing(what));
    }

    /// Reads a text with its rule.
    fn text<T>(&mut self, key: &'static str, rule: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let item = self.take(key)?;
        let Node::Text(text) = &item.node else {
            self.wrong(item.line, key, format!("is {}, not a text", item.node.kind()));
            return None;
        };
        rule(text).map_err(|why| self.wrong(item.line, key, why)).ok()
    }

    fn flag(&mut self, key: &'static str) -> Option<bool> {
        let item = self.take(key)?;
        match item.node {
            Node::Flag(flag) => Some(flag),
            _ => {
                self.wrong(item.line, key, format!("is {}, not true or false", item.node.kind()));
                None
            }
        }
    }

    /// Reads a list of texts with the rule of each; one text counts as a list of it.
    fn list<T>(&mut self, key: &'static str, rule: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        let item = self.take(key)?;
        let items = match &item.node {
            Node::List(items) => items.as_slice(),
            Node::Text(_) => std::slice::from_ref(item),
            _ => {
                self.wrong(item.line, key, format!("is {}, not a list of texts", item.node.kind()));
                return None;
            }
        };
        let mut values = Vec::new();
        for item in items {
            let Node::Text(text) = &item.node else {
                self.wrong(item.line, key, format!("holds {}, where texts are meant", item.node.kind()));
                continue;
            };
            match rule(text) {
                Ok(value) => values.push(value),
                Err(why) => self.wrong(item.line, key, why),
            }
        }
        Some(values)
    }

    /// Ends the table: what nobody asked for is unknown.
    fn finish(mut self, all: &mut Vec<Fault>) {
        let known = std::mem::take(&mut self.known);
        for (key, item) in std::mem::take(&mut self.entries) {
            if !known.contains(&key) {
                let near = nearest::nearest(key, known.iter().copied());
                self.fault(item.line, key, Problem::Unknown(near));
            }
        }
        all.append(&mut self.faults);
    }
}

fn read(root: &Item, faults: &mut Vec<Fault>) -> Option<Desired> {
    let mut file = Reader::new("", root, faults)?;
    match file.take("version") {
        Some(Item { node: Node::Number(VERSION), .. }) => {}
        Some(item) => {
            file.wrong(item.line, "version", format!("is not {VERSION}, the version that is read here"));
        }
        None => file.missing("version", "version = 1"),
    }
    let (entra, issuer) = (file.take("entra"), file.take("issuer"));
    let (aws, bookmark) = (file.take("aws"), file.take("bookmark"));
    let issuer = match (entra, issuer) {
        (Some(entra), None) => read_entra(entra, &mut file.faults).map(IssuerWish::Entra),
        (None, Some(issuer)) => read_issuer(issuer, &mut file.faults).map(IssuerWish::Other),
        (Some(_), Some(issuer)) => {
            file.wrong(issuer.line, "issuer", "stands beside [entra], and one of them signs people in");
            None
        }
        (None, None) => {
            file.missing("entra.tenant", "the tenant, by its ID or a domain");
            None
        }
    };
    let accounts = match aws.map(|item| (&item.node, item)) {
        Some((Node::List(accounts), _)) if !accounts.is_empty() => {
            let many = accounts.len() > 1;
            let path = |index: usize| if many { format!("aws[{}].", index + 1) } else { "aws.".to_owned() };
            let is_entra = !matches!(issuer, Some(IssuerWish::Other(_)));
            let read: Vec<_> = accounts
                .iter()
                .enumerate()
                .map(|(index, item)| read_account(&path(index), item, is_entra, &mut file.faults))
                .collect();
            read.into_iter().collect::<Option<Vec<_>>>()
        }
        // `[aws]` for the only account is what everybody types first.
        Some((Node::Table(_), item)) => {
            let is_entra = !matches!(issuer, Some(IssuerWish::Other(_)));
            read_account("aws.", item, is_entra, &mut file.faults).map(|account| vec![account])
        }
        Some((node, item)) => {
            file.wrong(item.line, "aws", format!("is {}, not [[aws]]", node.kind()));
            None
        }
        None => {
            file.missing("aws.buckets", "at least one bucket");
            None
        }
    };
    let bookmark = read_bookmark(bookmark, issuer.as_ref(), &mut file.faults);
    file.finish(faults);
    together(issuer?, accounts?, bookmark?, faults)
}

/// What the parts mean for each other.
fn together(
    mut issuer: IssuerWish,
    mut accounts: Vec<AccountWish>,
    bookmark: BookmarkWish,
    faults: &mut Vec<Fault>,
) -> Option<Desired> {
    let mut fault = |key: &str, what: String| {
        faults.push(Fault { line: None, key: key.to_owned(), problem: Problem::Wrong(what) });
    };
    if let IssuerWish::Entra(entra) = &mut issuer {
        if accounts.iter().any(|account| account.require_mfa) {
            // Without the claim the condition would never hold.
            entra.claims.insert(ExtraClaim::Amr);
        }
        let tags = !entra.aws_claims.is_empty();
        for account in &mut accounts {
            if account.session_tags && !tags {
                fault("aws.session-tags", "is true, and [entra.aws-claims] names no tag".into());
            }
            // A token with tags is refused as a whole where the role does not take them.
            account.session_tags = tags;
        }
    }
    let names: Vec<_> = accounts.iter().map(|account| &account.account).collect();
    for (index, name) in names.iter().enumerate() {
        if name.is_some() && names[..index].contains(name) {
            let name = name.as_ref().map(ToString::to_string).unwrap_or_default();
            fault("aws.account", format!("names {name} twice"));
        }
    }
    Some(Desired { issuer, accounts, bookmark })
}

fn read_entra(item: &Item, faults: &mut Vec<Fault>) -> Option<EntraWish> {
    let mut reader = Reader::new("entra.", item, faults)?;
    let tenant = reader.text("tenant", rules::tenant);
    if tenant.is_none() && !reader.faults.iter().any(|fault| fault.key == "entra.tenant") {
        reader.missing("tenant", "the tenant, by its ID or a domain");
    }
    let authority = reader.text("authority", rules::address);
    let app_name = reader.text("app-name", rules::app_name).unwrap_or_else(|| APP_NAME.to_owned());
    let redirects = read_redirects(&mut reader);
    let device_code = reader.flag("device-code").unwrap_or(false);
    let assignment_required = reader.flag("assignment-required").unwrap_or(true);
    let groups = reader.list("groups", |text| name_of_somebody(text, "group")).unwrap_or_default();
    let mut users = reader.list("users", |text| name_of_somebody(text, "user")).unwrap_or_default();
    if assignment_required && groups.is_empty() && users.is_empty() {
        // Somebody has to be able to sign in, and prove that it works.
        users.push(ME.to_owned());
    }
    let claims = reader.list("claims", claim).unwrap_or_default().into_iter().collect::<BTreeSet<_>>();
    let aws_claims = read_aws_claims(&mut reader);
    reader.finish(faults);
    Some(EntraWish {
        tenant: tenant?,
        authority,
        app_name,
        redirects,
        device_code,
        assignment_required,
        groups,
        users,
        claims,
        aws_claims,
    })
}

fn read_redirects(reader: &mut Reader<'_>) -> Vec<String> {
    let line = reader.entries.iter().find(|(key, _)| *key == "redirects").and_then(|(_, item)| item.line);
    let listed = reader.list("redirects", rules::redirect);
    let mut redirects: Vec<String> = Vec::new();
    for redirect in listed.unwrap_or_else(|| vec!["http://localhost".to_owned()]) {
        if let Some(other) = redirects.iter().find(|other| rules::same_but_for_the_port(other, &redirect)) {
            let what =
                format!("`{other}` and `{redirect}` differ in their port only, which Entra does not look at");
            reader.wrong(line, "redirects", what);
        }
        if !redirects.contains(&redirect) {
            redirects.push(redirect);
        }
    }
    if redirects.is_empty() {
        reader.wrong(line, "redirects", "names no address, and an answer has to come back somewhere");
    }
    if redirects.len() > rules::REDIRECTS_MAX {
        reader.wrong(line, "redirects", format!("names more than {} addresses", rules::REDIRECTS_MAX));
    }
    redirects
}

fn read_aws_claims(reader: &mut Reader<'_>) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    let Some(item) = reader.take("aws-claims") else { return tags };
    let Node::Table(table) = &item.node else {
        reader.wrong(item.line, "aws-claims", format!("is {}, not a table of tags", item.node.kind()));
        return tags;
    };
    for (key, item) in table {
        let read = match &item.node {
            Node::Text(text) => rules::tag_key(key).and_then(|key| Ok((key, rules::attribute(text)?))),
            node => Err(format!("is {}, not an attribute such as \"user.department\"", node.kind())),
        };
        match read {
            Ok((key, attribute)) => drop(tags.insert(key, attribute)),
            Err(why) => reader.wrong(item.line, &format!("aws-claims.{}", shown(key)), why),
        }
    }
    tags
}

fn claim(text: &str) -> Result<ExtraClaim, String> {
    let known = ExtraClaim::ALL.into_iter().find(|claim| claim.name() == text.replace('-', "_"));
    known.ok_or_else(|| {
        let names: Vec<_> = ExtraClaim::ALL.into_iter().map(ExtraClaim::name).collect();
        format!("{:?} is no claim that can be added; those are {}", shown(text), names.join(", "))
    })
}

fn name_of_somebody(text: &str, kind: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err(format!("holds a {kind} without a name")),
        name if name.contains(char::is_control) => Err(format!("{:?} is no name of a {kind}", shown(name))),
        name => Ok(name.to_owned()),
    }
}

fn read_issuer(item: &Item, faults: &mut Vec<Fault>) -> Option<OtherIssuer> {
    let mut reader = Reader::new("issuer.", item, faults)?;
    let before = reader.faults.len();
    let url = reader.text("url", rules::issuer);
    let client_id = reader.text("client-id", |text| text.parse().map_err(|error| format!("{error}")));
    if reader.faults.len() == before {
        if url.is_none() {
            reader.missing("url", "the issuer's address, exactly as its tokens have it in `iss`");
        }
        if client_id.is_none() {
            reader.missing("client-id", "the application's ID at the issuer");
        }
    }
    reader.finish(faults);
    Some(OtherIssuer { url: url?, client_id: client_id? })
}

fn read_account(path: &str, item: &Item, is_entra: bool, faults: &mut Vec<Fault>) -> Option<AccountWish> {
    let mut reader = Reader::new(path, item, faults)?;
    let name = |text: &str| -> Result<_, String> { text.parse().map_err(|error| format!("{error}")) };
    let account = reader.text("account", name);
    let said_region = reader.text("region", |text| text.parse::<Region>().map_err(|error| error.to_string()));
    let partition = read_partition(&mut reader, said_region.as_ref());
    let credential = read_credential(&mut reader);
    let role = reader.text("role", rules::role).unwrap_or_else(|| ROLE.to_owned());
    let role_path = reader.text("role-path", rules::role_path).unwrap_or_else(|| "/".to_owned());
    let session_s = read_session(&mut reader);
    let access = reader.text("access", access).unwrap_or(Access::ReadWrite);
    let places = read_places(&mut reader, access);
    let people = read_people(&mut reader, is_entra);
    let list_all_buckets = reader.flag("list-all-buckets").unwrap_or(false);
    let require_mfa = reader.flag("require-mfa").unwrap_or(false);
    let honest_session_names = reader.flag("honest-session-names").unwrap_or(true);
    let session_tags = reader.flag("session-tags").unwrap_or(false);
    let endpoints = read_endpoints(&mut reader);
    reader.finish(faults);
    Some(AccountWish {
        account,
        partition,
        credential,
        region: said_region.unwrap_or_else(|| partition.default_region()),
        role,
        role_path,
        session_s,
        places: places?,
        list_all_buckets,
        people: people?,
        require_mfa,
        honest_session_names,
        session_tags,
        endpoints,
    })
}

fn read_partition(reader: &mut Reader<'_>, region: Option<&Region>) -> Partition {
    const ALL: [Partition; 8] = [
        Partition::Aws,
        Partition::China,
        Partition::UsGov,
        Partition::EuSovereign,
        Partition::Iso,
        Partition::IsoB,
        Partition::IsoE,
        Partition::IsoF,
    ];
    let of_region = region.map_or(Partition::Aws, Region::partition);
    let line = reader.entries.iter().find(|(key, _)| *key == "partition").and_then(|(_, item)| item.line);
    let said = reader.text("partition", |text| {
        let known = ALL.into_iter().find(|partition| partition.name() == text);
        known.ok_or_else(|| format!("{:?} is no partition, such as aws, aws-cn or aws-us-gov", shown(text)))
    });
    if let (Some(said), Some(region)) = (said, region)
        && said != of_region
    {
        reader.wrong(line, "partition", format!("is {said}, and the region {region} is in {of_region}"));
    }
    said.unwrap_or(of_region)
}

fn read_credential(reader: &mut Reader<'_>) -> CredentialFrom {
    let profile = reader.text("profile", |text| match text.trim() {
        "" => Err("is empty".to_owned()),
        name => Ok(name.to_owned()),
    });
    let line = reader.entries.iter().find(|(key, _)| *key == "bookmark").and_then(|(_, item)| item.line);
    let bookmark = reader.text("bookmark", |text| text.parse().map_err(|error| format!("{error}")));
    match (profile, bookmark) {
        (Some(_), Some(_)) => {
            reader.wrong(line, "bookmark", "stands beside `profile`, and one of them acts in the account");
            CredentialFrom::Environment
        }
        (Some(profile), None) => CredentialFrom::Profile(profile),
        (None, Some(bookmark)) => CredentialFrom::Bookmark(bookmark),
        (None, None) => CredentialFrom::Environment,
    }
}

fn read_session(reader: &mut Reader<'_>) -> u32 {
    let Some(item) = reader.take("session-hours") else { return SESSION_HOURS_MAX * 3600 };
    match item.node {
        Node::Number(hours) if (1..=i64::from(SESSION_HOURS_MAX)).contains(&hours) => {
            u32::try_from(hours).unwrap_or(SESSION_HOURS_MAX) * 3600
        }
        _ => {
            reader.wrong(
                item.line,
                "session-hours",
                format!("is not a whole number from 1 to {SESSION_HOURS_MAX}"),
            );
            SESSION_HOURS_MAX * 3600
        }
    }
}

fn access(text: &str) -> Result<Access, String> {
    match text {
        "read" => Ok(Access::Read),
        "read-write" => Ok(Access::ReadWrite),
        _ => Err(format!("{:?} is neither \"read\" nor \"read-write\"", shown(text))),
    }
}

fn read_places(reader: &mut Reader<'_>, access: Access) -> Option<Vec<PlaceWish>> {
    let Some(item) = reader.take("buckets") else {
        reader.missing("buckets", "at least one bucket");
        return None;
    };
    let items = match &item.node {
        Node::List(items) => items.as_slice(),
        Node::Text(_) => std::slice::from_ref(item),
        node => {
            reader.wrong(item.line, "buckets", format!("is {}, not a list of buckets", node.kind()));
            return None;
        }
    };
    let mut places: Vec<PlaceWish> = Vec::new();
    for item in items {
        let Some(place) = read_place(reader, item, access) else { continue };
        match places.iter().find_map(|other| contradiction(other, &place)) {
            Some(why) => reader.wrong(item.line, "buckets", why),
            None => places.push(place),
        }
    }
    if items.is_empty() {
        reader.fault(item.line, "buckets", Problem::Missing("at least one bucket"));
    }
    Some(places)
}

fn read_place(reader: &mut Reader<'_>, item: &Item, usual: Access) -> Option<PlaceWish> {
    match &item.node {
        Node::Text(text) => match rules::place(text) {
            Ok((bucket, prefix)) => Some(PlaceWish { bucket, prefix, access: usual, kms_key: None }),
            Err(why) => {
                reader.wrong(item.line, "buckets", why);
                None
            }
        },
        Node::Table(_) => {
            let path = format!("{}buckets.", reader.path);
            let mut inner = Reader::new(&path, item, &mut reader.faults)?;
            let place = inner.text("place", rules::place);
            if !inner.known_has_text("place") {
                inner.missing("place", "the bucket, as \"s3://bucket/prefix\"");
            }
            let access = inner.text("access", access).unwrap_or(usual);
            let kms_key = inner.text("kms-key", rules::kms_key);
            inner.finish(&mut reader.faults);
            let (bucket, prefix) = place?;
            Some(PlaceWish { bucket, prefix, access, kms_key })
        }
        node => {
            reader.wrong(item.line, "buckets", format!("holds {}, where buckets are meant", node.kind()));
            None
        }
    }
}

impl Reader<'_> {
    fn known_has_text(&self, key: &str) -> bool {
        self.entries.iter().any(|(known, _)| *known == key)
    }
}

/// Returns why two places cannot both be meant.
fn contradiction(one: &PlaceWish, other: &PlaceWish) -> Option<String> {
    if one.bucket != other.bucket {
        return None;
    }
    if one.prefix == other.prefix {
        return Some(format!("names {} twice", one.address()));
    }
    let (outer, inner) =
        if other.prefix.as_str().starts_with(one.prefix.as_str()) { (one, other) } else { (other, one) };
    let inside = inner.prefix.as_str().starts_with(outer.prefix.as_str());
    (inside && outer.access == Access::ReadWrite && inner.access == Access::Read).then(|| {
        format!(
            "lets {} be written, and with it {}, which is to be read only",
            outer.address(),
            inner.address()
        )
    })
}

impl PlaceWish {
    /// Returns the place as people type it.
    pub(crate) fn address(&self) -> String {
        match self.prefix.as_str() {
            "" => format!("s3://{}", self.bucket),
            prefix => format!("s3://{}/{prefix}", self.bucket),
        }
    }
}

fn read_people(reader: &mut Reader<'_>, is_entra: bool) -> Option<People> {
    let Some(item) = reader.take("people") else {
        if is_entra {
            return Some(People::AppAssignment);
        }
        reader.missing("people", "who may take the role: a list of subjects, \"roles-claim\", or \"assigned\" for everybody that the issuer gives a token for this application");
        return None;
    };
    let people = match &item.node {
        Node::Text(text) if text == "assigned" => Some(People::AppAssignment),
        Node::Text(text) if text == "roles-claim" => Some(People::RolesClaim),
        Node::List(items) if !items.is_empty() => {
            let subject = |item: &Item| match &item.node {
                Node::Text(text) if !text.is_empty() && !text.contains(['*', '?', '$']) => Some(text.clone()),
                _ => None,
            };
            items.iter().map(subject).collect::<Option<Vec<_>>>().map(People::Subjects)
        }
        _ => None,
    };
    if people.is_none() {
        let what = "is neither \"assigned\" nor \"roles-claim\" nor a list of subjects without * ? $";
        reader.wrong(item.line, "people", what);
    }
    people
}

fn read_endpoints(reader: &mut Reader<'_>) -> Endpoints {
    let Some(item) = reader.take("endpoints") else { return Endpoints::default() };
    let path = format!("{}endpoints.", reader.path);
    let Some(mut inner) = Reader::new(&path, item, &mut reader.faults) else { return Endpoints::default() };
    let endpoints = Endpoints {
        iam: inner.text("iam", rules::address),
        sts: inner.text("sts", rules::address),
        s3: inner.text("s3", rules::address),
    };
    inner.finish(&mut reader.faults);
    endpoints
}

fn read_bookmark(
    item: Option<&Item>,
    issuer: Option<&IssuerWish>,
    faults: &mut Vec<Fault>,
) -> Option<BookmarkWish> {
    let empty = Item { line: None, node: Node::Table(Vec::new()) };
    let mut reader = Reader::new("bookmark.", item.unwrap_or(&empty), faults)?;
    let said = reader.text("name", |text| text.parse().map_err(|error| format!("{error}")));
    let start = reader.text("path", |text| match text.trim().trim_start_matches('/') {
        "" => Err("is empty".to_owned()),
        path => rules::place(path).map(|_| path.to_owned()),
    });
    let name = said.or_else(|| issuer.and_then(usual_name)).or_else(|| "work".parse().ok());
    reader.finish(faults);
    Some(BookmarkWish { name: name?, start })
}

/// Returns the first part of the tenant's domain, which people know their company by.
fn usual_name(issuer: &IssuerWish) -> Option<pintail_core::name::BookmarkName> {
    match issuer {
        IssuerWish::Entra(EntraWish { tenant: pintail_core::name::Tenant::Domain(domain), .. }) => {
            domain.split('.').next()?.parse().ok()
        }
        _ => None,
    }
}

/// Returns a text as an error may show it.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS_MAX).collect()
}
