//! The rows in the document. What changes is written into the elements that are there, and nothing else is written: a
//! frame costs as much as it changes of what is shown. Views of their own for every cell would cost several times that,
//! at each frame, and when the page comes alive.

mod instant;

use std::{cell::OnceCell, net::IpAddr, sync::Arc};

use leptos::prelude::document;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlButtonElement, HtmlElement, HtmlInputElement, Text};

pub(super) use self::instant::instants_of;
use self::instant::{INSTANTS, Instant, Told};
use super::{
    content::{Content, Mark, Shown},
    picked::Picked,
};
use crate::{
    browser,
    components::{
        avatar::{hue_of, initials},
        clock::{Zone, is_active},
    },
    session::{Lifetimes, Session, SessionId, SessionType, column::Columns},
    time::Timestamp,
};

/// What the dot of a session says that was active just now.
pub(super) const ACTIVE: &str = "Active in the last minute";

/// `aria-rowindex` of the row of this number: it is counted from 1, and the header is the first.
pub(super) fn aria_row_index(number: u64) -> String {
    (number + 2).to_string()
}

/// See the module.
pub(super) struct DrawnRows {
    rows: Vec<DrawnRow>,
    lifetimes: Lifetimes,
}

/// What rows tell times by.
#[derive(Clone, Copy)]
pub(super) struct Telling {
    /// The server's clock.
    pub(super) now: Timestamp,
    /// In whose time it is told.
    pub(super) zone: Zone,
    /// The columns that are seen.
    pub(super) columns: Columns,
}

impl DrawnRows {
    /// The rows that the server has written so for these contents, the first of which is the row of this number.
    pub(super) fn adopt(
        rows: &Element,
        contents: &[Content],
        first: u64,
        lifetimes: Lifetimes,
        written: Telling,
    ) -> Self {
        let mut drawn = Vec::new();
        let mut next = rows.first_element_child();
        let contents = contents.iter().cloned().chain([Content::Beyond]);
        for (number, content) in (first..).zip(contents) {
            let Some(row) = next else { break };
            next = row.next_element_sibling();
            drawn.extend(row.dyn_into().map(|row| DrawnRow::adopt(row, content, number, &lifetimes, written)));
        }
        Self { rows: drawn, lifetimes }
    }

    /// How many places there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds places up to this many.
    pub(super) fn grow(&mut self, rows: usize) {
        while self.rows.len() < rows {
            let Some(added) = self.rows.last().and_then(DrawnRow::duplicate) else { return };
            self.rows.push(added);
        }
    }

    /// Writes what stands in each place, the first of which is the row of this number.
    pub(super) fn put(&mut self, contents: &[Content], first: u64, picked: &Picked, telling: Telling) {
        for ((number, row), content) in (first..).zip(&mut self.rows).zip(contents) {
            if row.put(content, number) {
                row.mark(picked, false);
                row.tell_times(&self.lifetimes, telling);
            }
        }
    }

    /// Shows what is selected.
    pub(super) fn mark(&mut self, picked: &Picked) {
        self.rows.iter_mut().for_each(|row| row.mark(picked, true));
        if picked.is_empty() {
            self.uncheck();
        }
    }

    /// Unchecks what somebody else has checked: a browser that restores a page, or an extension.
    fn uncheck(&self) -> Option<()> {
        let rows = self.rows.first()?.row.parent_element()?;
        let checkboxes =
            browser::all(&rows, "input:checked").filter_map(|found| found.dyn_into::<HtmlInputElement>().ok());
        checkboxes.for_each(|checkbox| checkbox.set_checked(false));
        Some(())
    }

    /// Shows how long ago everything was, and how long ahead it is.
    pub(super) fn tell_times(&mut self, telling: Telling) {
        self.rows.iter_mut().for_each(|row| row.tell_times(&self.lifetimes, telling));
    }

    /// In which place an element is.
    pub(super) fn place_of(&self, element: &Element) -> Option<usize> {
        let row = element.closest("tr").ok()??;
        let place = self.rows.iter().position(|drawn| drawn.row.is_same_node(Some(&row)))?;
        // What is clicked is marked, whether or not its mark changes. A row that cannot be written may show another session.
        self.rows[place].parts().map(|_| place)
    }

    /// The element in a place that this selects.
    pub(super) fn find(&self, place: usize, selector: &str) -> Option<HtmlElement> {
        self.rows.get(place)?.row.query_selector(selector).ok()??.dyn_into().ok()
    }
}

/// A row in the document, and what it shows.
struct DrawnRow {
    row: HtmlElement,
    parts: OnceCell<Option<Parts>>,
    is_active: bool,
    /// Of the columns of [`INSTANTS`].
    instants: [Instant; INSTANTS.len()],
    number: u64,
    content: Content,
    mark: Mark,
}

/// What a row is made of. Looked for when something is to be written there: in most rows of a page nothing is before the
/// user leaves it.
struct Parts {
    checkbox: HtmlInputElement,
    avatar: Element,
    initials: Text,
    name: Cell,
    you: HtmlElement,
    gone: HtmlElement,
    session_type: Element,
    type_label: Text,
    standing: Cell,
    icon: Element,
    address: Cell,
    dot: Element,
    server_name: Cell,
    user_agent: Cell,
    delete: HtmlButtonElement,
}

impl DrawnRow {
    /// A row that was written so to show this.
    fn adopt(row: HtmlElement, content: Content, number: u64, lifetimes: &Lifetimes, written: Telling) -> Self {
        let instants = instants_of(&content, lifetimes, written.columns);
        Self {
            row,
            parts: OnceCell::new(),
            is_active: content.last_active().is_some_and(|at| is_active(at, written.now)),
            instants: instants.map(|(at, tell)| Instant::of(Told::of(at, tell, written.now, written.zone))),
            number,
            mark: Mark::of(&content, &Picked::default()),
            content,
        }
    }

    /// Another row below this one.
    fn duplicate(&self) -> Option<Self> {
        let node = self.row.clone_node_with_deep(true).ok()?;
        let row: HtmlElement = node.dyn_into().ok()?;
        self.row.parent_node()?.append_child(&row).ok()?;
        let instants = self.instants.each_ref().map(Instant::duplicate);
        let Self { is_active, number, mark, .. } = *self;
        Some(Self { row, parts: OnceCell::new(), is_active, instants, number, content: self.content.clone(), mark })
    }

    /// `None` if the row is not made as rows are.
    fn parts(&self) -> Option<&Parts> {
        self.parts.get_or_init(|| Parts::of(&self.row)).as_ref()
    }

    /// Tells whether something else stands there now.
    fn put(&mut self, content: &Content, number: u64) -> bool {
        if self.number != number {
            self.number = number;
            set(&self.row, "aria-rowindex", Some(&aria_row_index(number)));
        }
        if self.content == *content {
            return false;
        }
        let before = std::mem::replace(&mut self.content, content.clone());
        if before.classes() != content.classes() {
            self.row.set_class_name(content.classes());
        }
        if (before == Content::Beyond) != (*content == Content::Beyond) {
            self.row.set_hidden(*content == Content::Beyond);
        }
        match self.parts() {
            Some(parts) => {
                if before.has_ended() != content.has_ended() {
                    parts.gone.set_hidden(!content.has_ended());
                    parts.checkbox.set_hidden(content.has_ended());
                }
                parts.put_session(before.shown(), content.shown());
            }
            // Nobody may take it for what it was.
            None => self.row.set_hidden(true),
        }
        true
    }

    /// If the checkbox may have been clicked, it is looked at even if nothing is to change: a click has changed it by itself.
    fn mark(&mut self, picked: &Picked, may_be_clicked: bool) {
        let before = std::mem::replace(&mut self.mark, Mark::of(&self.content, picked));
        if before == self.mark && !(may_be_clicked && self.parts.get().is_some()) {
            return;
        }
        let Some(Parts { checkbox, .. }) = self.parts() else { return };
        if checkbox.checked() != self.mark.checked {
            checkbox.set_checked(self.mark.checked);
        }
        if before.enabled != self.mark.enabled {
            checkbox.set_disabled(!self.mark.enabled);
        }
        if before.title != self.mark.title {
            set(checkbox, "title", self.mark.title);
        }
    }

    fn tell_times(&mut self, lifetimes: &Lifetimes, telling: Telling) {
        let instants = instants_of(&self.content, lifetimes, telling.columns);
        for ((column, instant), (at, tell)) in INSTANTS.iter().zip(&mut self.instants).zip(instants) {
            instant.tell(&self.row, *column, Told::of(at, tell, telling.now, telling.zone));
        }
        let is_active = self.content.last_active().is_some_and(|at| is_active(at, telling.now));
        if is_active != self.is_active {
            self.is_active = is_active;
            if let Some(Parts { dot, .. }) = self.parts() {
                dot.set_class_name(if is_active { "dot on" } else { "dot" });
                set(dot, "title", is_active.then_some(ACTIVE));
            }
        }
    }
}

impl Parts {
    fn of(row: &Element) -> Option<Self> {
        let find = |selector: &str| row.query_selector(selector).ok().flatten();
        let cell = |selector: &str| Cell::adopt(find(selector)?);
        let (avatar, session_type) = (find(".avatar")?, find(".type")?);
        Some(Self {
            checkbox: find("input")?.dyn_into().ok()?,
            initials: text_of(&avatar)?,
            avatar,
            name: cell(".name")?,
            you: find(".you")?.dyn_into().ok()?,
            gone: find(".gone")?.dyn_into().ok()?,
            type_label: text_of(&session_type.last_element_child()?)?,
            session_type,
            standing: cell(".kept-as")?,
            icon: find("use")?,
            address: cell(".address")?,
            dot: find(".dot")?,
            server_name: cell(".server_name")?,
            user_agent: cell(".user_agent")?,
            delete: find(".delete")?.dyn_into().ok()?,
        })
    }

    fn put_session(&self, before: Option<&Shown>, now: Option<&Shown>) {
        let change = Change { before, now };
        change.of(
            |shown| shown.session.username.clone(),
            |username| {
                let username = username.as_deref().unwrap_or_default();
                set(&self.avatar, "data-hue", Some(&hue_of(username).to_string()));
                self.initials.set_data(&initials(username));
                self.name.write(username, username);
            },
        );
        change.of(
            |shown| shown.session.session_type,
            |session_type| {
                let word = session_type.map_or("", SessionType::as_str);
                set(&self.session_type, "data-type", Some(word));
                set(&self.icon, "href", Some(&format!("#icon-{word}")));
                self.type_label.set_data(session_type.map_or("", SessionType::label));
            },
        );
        change.of(
            |shown| shown.session.standing.clone(),
            |_| {
                let name = now.map(Shown::standing_name).unwrap_or_default();
                self.standing.write(&name, &name);
            },
        );
        change.of(
            |shown| shown.session.address,
            |address| {
                let address = address.map(|address| address.to_string()).unwrap_or_default();
                self.address.write(&address, &address);
            },
        );
        change.of(
            |shown| shown.session.server_name.clone(),
            |name| {
                let name = name.as_deref().unwrap_or_default();
                self.server_name.write(name, name);
            },
        );
        change.of(
            |shown| (shown.session.user_agent.clone(), shown.session.client.clone()),
            |texts| {
                let (whole, text) = texts.as_ref().map_or(("", ""), |(whole, text)| (whole, text));
                self.user_agent.write(whole, text);
            },
        );
        change.of(|shown| shown.own, |own| self.you.set_hidden(own != Some(true)));
        change.of(
            |shown| (Named::of(shown), shown.is_deletable()),
            |named| {
                let words = now.map(Shown::in_words).unwrap_or_default();
                let id = named.as_ref().map(|(Named { id, .. }, _)| id.to_string());
                self.checkbox.set_value(id.as_deref().unwrap_or_default());
                set(&self.checkbox, "aria-label", id.is_some().then(|| format!("Select {words}")).as_deref());
                let deletable = id.filter(|_| named.is_some_and(|(_, is_deletable)| is_deletable));
                self.delete.set_hidden(deletable.is_none());
                set(&self.delete, "aria-label", deletable.is_some().then(|| format!("Delete {words}")).as_deref());
                match deletable {
                    Some(id) => self.delete.set_value(&id),
                    None => _ = self.delete.remove_attribute("value"),
                }
            },
        );
    }
}

/// What a session is called by, in its controls.
#[derive(PartialEq)]
struct Named {
    id: SessionId,
    username: Arc<str>,
    address: IpAddr,
}

impl Named {
    fn of(shown: &Shown) -> Self {
        let Session { id, username, address, .. } = &shown.session;
        Self { id: *id, username: username.clone(), address: *address }
    }
}

/// What has happened to a place.
struct Change<'a> {
    before: Option<&'a Shown>,
    now: Option<&'a Shown>,
}

impl Change<'_> {
    /// Draws a part of what is there now if that part is not what it was.
    fn of<T: PartialEq>(&self, part: impl Fn(&Shown) -> T, draw: impl FnOnce(Option<T>)) {
        let now = self.now.map(&part);
        if now != self.before.map(&part) {
            draw(now);
        }
    }
}

/// Sets an attribute, or takes it away.
fn set(element: &Element, name: &str, value: Option<&str>) {
    _ = match value {
        Some(value) => element.set_attribute(name, value),
        None => element.remove_attribute(name),
    };
}

/// An element with a text that may be too long for it.
struct Cell {
    element: HtmlElement,
    text: Text,
}

impl Cell {
    fn adopt(element: Element) -> Option<Self> {
        Some(Self { text: text_of(&element)?, element: element.dyn_into().ok()? })
    }

    fn write(&self, whole: &str, text: &str) {
        self.element.set_title(whole);
        self.text.set_data(text);
    }
}

/// The text of an element that has nothing else in it. An empty one is written by the server as nothing.
fn text_of(element: &Element) -> Option<Text> {
    if let Some(text) = element.first_child().and_then(|child| child.dyn_into().ok()) {
        return Some(text);
    }
    let text = document().create_text_node("");
    element.append_child(&text).ok()?;
    Some(text)
}
