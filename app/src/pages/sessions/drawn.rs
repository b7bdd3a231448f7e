//! The rows in the document. What changes is written into the elements that are there, and nothing else is written: a
//! frame costs as much as it changes of what is shown. Views of their own for every cell would cost several times that,
//! at each frame, and when the page comes alive.

use leptos::prelude::document;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlInputElement, Node};

use super::{
    content::{Content, Mark, Shown},
    picked::Picked,
};
use crate::{
    components::{
        avatar::{hue_of, initials},
        clock::Clock,
    },
    session::SessionType,
    time::Timestamp,
};

/// What the dot of a session says that was active just now.
pub(super) const ACTIVE: &str = "Active in the last minute";

/// `aria-rowindex` of the row of this number: it is counted from 1, and the header is the first.
pub(super) fn aria_row_index(number: u64) -> String {
    (number + 2).to_string()
}

/// See the module.
#[derive(Default)]
pub(super) struct DrawnRows(Vec<DrawnRow>);

impl DrawnRows {
    /// The rows that the server has written for these contents, the first of which is the row of this number.
    pub(super) fn adopt(rows: &Element, contents: &[Content], first: u64) -> Self {
        let mut drawn = Vec::new();
        let mut next = rows.first_element_child();
        let contents = contents.iter().cloned().chain([Content::Beyond]);
        for (number, content) in (first..).zip(contents) {
            let Some(row) = next else { break };
            next = row.next_element_sibling();
            drawn.extend(DrawnRow::adopt(row, content, number));
        }
        Self(drawn)
    }

    /// How many places there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds places up to this many.
    pub(super) fn grow(&mut self, rows: usize) {
        while self.0.len() < rows {
            let Some(added) = self.0.last().and_then(DrawnRow::duplicate) else { return };
            self.0.push(added);
        }
    }

    /// Writes what stands in each place, the first of which is the row of this number.
    pub(super) fn put(&mut self, contents: &[Content], first: u64, picked: &Picked, clock: Clock) {
        for ((number, row), content) in (first..).zip(&mut self.0).zip(contents) {
            row.put(content, number);
            row.mark(picked);
            row.tell_time(clock);
        }
    }

    /// Shows what is selected.
    pub(super) fn mark(&mut self, picked: &Picked) {
        self.0.iter_mut().for_each(|row| row.mark(picked));
    }

    /// Shows how long ago everything was.
    pub(super) fn tell_time(&mut self, clock: Clock) {
        self.0.iter_mut().for_each(|row| row.tell_time(clock));
    }

    /// In which place an element is.
    pub(super) fn place_of(&self, element: &Element) -> Option<usize> {
        let row = element.closest("tr").ok()??;
        self.0.iter().position(|drawn| drawn.row.is_same_node(Some(&row)))
    }

    /// The element in a place that this selects.
    pub(super) fn find(&self, place: usize, selector: &str) -> Option<HtmlElement> {
        self.0.get(place)?.row.query_selector(selector).ok()??.dyn_into().ok()
    }
}

/// A row in the document, and what it shows.
struct DrawnRow {
    row: HtmlElement,
    checkbox: HtmlInputElement,
    avatar: Element,
    name: Element,
    you: HtmlElement,
    gone: HtmlElement,
    session_type: Element,
    standing: Element,
    icon: Element,
    address: Element,
    dot: Element,
    time: Element,
    exact: Element,
    server_name: Element,
    user_agent: Element,
    delete: HtmlElement,
    number: u64,
    content: Content,
    mark: Mark,
    time_told: TimeTold,
}

/// What a row says of its last request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct TimeTold {
    /// When it was, and whether that is told in the time zone of the device.
    at: Option<(Timestamp, bool)>,
    ago: String,
    is_active: bool,
}

impl DrawnRow {
    /// A row that shows this. `None` if it is not made as rows are.
    fn adopt(row: Element, content: Content, number: u64) -> Option<Self> {
        let find = |selector: &str| row.query_selector(selector).ok().flatten();
        let dot = find(".dot")?;
        Some(Self {
            checkbox: find("input")?.dyn_into().ok()?,
            avatar: find(".avatar")?,
            name: find(".name")?,
            you: find(".you")?.dyn_into().ok()?,
            gone: find(".gone")?.dyn_into().ok()?,
            session_type: find(".type")?,
            standing: find(".kept-as")?,
            icon: find("use")?,
            address: find(".address")?,
            time: find("time")?,
            exact: find(".last_active .visually-hidden")?,
            server_name: find(".server_name")?,
            user_agent: find(".user_agent")?,
            delete: find(".delete")?.dyn_into().ok()?,
            row: row.dyn_into().ok()?,
            number,
            mark: Mark::of(&content, &Picked::default()),
            content,
            // What the server has told, in its own time zone, is told again.
            time_told: TimeTold { is_active: dot.class_list().contains("on"), ..TimeTold::default() },
            dot,
        })
    }

    /// Another row below this one.
    fn duplicate(&self) -> Option<Self> {
        let node = self.row.clone_node_with_deep(true).ok()?;
        let row: Element = node.dyn_into().ok()?;
        self.row.parent_node()?.append_child(&row).ok()?;
        let duplicate = Self::adopt(row, self.content.clone(), self.number)?;
        Some(Self { mark: self.mark, time_told: self.time_told.clone(), ..duplicate })
    }

    fn put(&mut self, content: &Content, number: u64) {
        if self.number != number {
            self.number = number;
            set(&self.row, "aria-rowindex", Some(&aria_row_index(number)));
        }
        if self.content == *content {
            return;
        }
        let before = std::mem::replace(&mut self.content, content.clone());
        if before.classes() != content.classes() {
            self.row.set_class_name(content.classes());
        }
        if (before == Content::Beyond) != (*content == Content::Beyond) {
            self.row.set_hidden(*content == Content::Beyond);
        }
        if before.has_ended() != content.has_ended() {
            self.gone.set_hidden(!content.has_ended());
            self.checkbox.set_hidden(content.has_ended());
        }
        self.put_session(before.shown(), content.shown());
    }

    fn put_session(&self, before: Option<&Shown>, now: Option<&Shown>) {
        let change = Change { before, now };
        change.of(
            |shown| shown.session.username.clone(),
            |username| {
                let username = username.as_deref().unwrap_or_default();
                set(&self.avatar, "data-hue", Some(&hue_of(username).to_string()));
                write(&self.avatar, &initials(username));
                set(&self.name, "title", Some(username));
                write(&self.name, username);
            },
        );
        change.of(
            |shown| shown.session.session_type,
            |session_type| {
                let word = session_type.map_or("", SessionType::as_str);
                set(&self.session_type, "data-type", Some(word));
                set(&self.icon, "href", Some(&format!("#icon-{word}")));
                if let Some(label) = self.session_type.last_element_child() {
                    write(&label, session_type.map_or("", SessionType::label));
                }
            },
        );
        change.of(Shown::standing_name, |name| {
            let name = name.unwrap_or_default();
            set(&self.standing, "title", Some(&name));
            write(&self.standing, &name);
        });
        let put_text = |cell: &Element, whole: &str, text: &str| {
            set(cell, "title", Some(whole));
            write(cell, text);
        };
        change.of(
            |shown| shown.session.address,
            |address| {
                let address = address.map(|address| address.to_string()).unwrap_or_default();
                put_text(&self.address, &address, &address);
            },
        );
        change.of(
            |shown| shown.session.server_name.clone(),
            |name| {
                let name = name.as_deref().unwrap_or_default();
                put_text(&self.server_name, name, name);
            },
        );
        change.of(
            |shown| (shown.session.user_agent.clone(), shown.session.client.clone()),
            |texts| {
                let (whole, text) = texts.as_ref().map_or(("", ""), |(whole, text)| (whole, text));
                put_text(&self.user_agent, whole, text);
            },
        );
        change.of(
            |shown| shown.session.last_active_at,
            |at| set(&self.time, "datetime", at.map(|at| at.to_string()).as_deref()),
        );
        change.of(|shown| shown.own, |own| self.you.set_hidden(own != Some(true)));
        change.of(
            |shown| (shown.session.id, shown.in_words()),
            |named| {
                let (id, words) = named.unzip();
                self.checkbox.set_value(&id.map(|id| id.to_string()).unwrap_or_default());
                set(&self.checkbox, "aria-label", words.map(|words| format!("Select {words}")).as_deref());
            },
        );
        change.of(
            |shown| shown.is_deletable().then(|| (shown.session.id, shown.in_words())),
            |named| {
                let (id, words) = named.flatten().unzip();
                self.delete.set_hidden(id.is_none());
                set(&self.delete, "value", id.map(|id| id.to_string()).as_deref());
                set(&self.delete, "aria-label", words.map(|words| format!("Delete {words}")).as_deref());
            },
        );
    }

    fn mark(&mut self, picked: &Picked) {
        let before = std::mem::replace(&mut self.mark, Mark::of(&self.content, picked));
        // Also when it should be so already: the user's click has changed it by itself.
        if self.checkbox.checked() != self.mark.checked {
            self.checkbox.set_checked(self.mark.checked);
        }
        if before.enabled != self.mark.enabled {
            self.checkbox.set_disabled(!self.mark.enabled);
        }
        if before.title != self.mark.title {
            set(&self.checkbox, "title", self.mark.title);
        }
    }

    fn tell_time(&mut self, clock: Clock) {
        let now =
            self.content.shown().map(|shown| TimeTold::of(shown.session.last_active_at, clock)).unwrap_or_default();
        let before = std::mem::replace(&mut self.time_told, now);
        let now = &self.time_told;
        if before.ago != now.ago {
            write(&self.time, &now.ago);
        }
        if before.at != now.at {
            let exact = now.at.map(|(at, _)| clock.exact(at)).unwrap_or_default();
            set(&self.time, "title", Some(&exact));
            write(&self.exact, &exact);
        }
        if before.is_active != now.is_active {
            self.dot.set_class_name(if now.is_active { "dot on" } else { "dot" });
            set(&self.dot, "title", now.is_active.then_some(ACTIVE));
        }
    }
}

impl TimeTold {
    fn of(at: Timestamp, clock: Clock) -> Self {
        Self { at: Some((at, clock.is_local())), ago: at.ago(clock.now_untracked()), is_active: clock.is_active(at) }
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

/// Writes the text of an element that has nothing else in it.
fn write(element: &Element, text: &str) {
    match element.first_child().filter(|child| child.node_type() == Node::TEXT_NODE) {
        Some(child) => child.set_node_value(Some(text)),
        None => _ = element.append_child(&document().create_text_node(text)),
    }
}
