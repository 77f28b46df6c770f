// Rust without even `core`, which no cross target here has: just what the compiler asks for, then data and calls.
#![no_core]
#![feature(no_core, lang_items, auto_traits, intrinsics)]
#![allow(internal_features, dead_code, static_mut_refs)]

#[lang = "pointee_sized"]
pub trait PointeeSized {}
#[lang = "meta_sized"]
pub trait MetaSized: PointeeSized {}
#[lang = "sized"]
pub trait Sized: MetaSized {}
#[lang = "copy"]
pub trait Copy {}
#[lang = "sync"]
pub unsafe trait Sync {}
#[lang = "freeze"]
pub unsafe auto trait Freeze {}
#[lang = "legacy_receiver"]
pub trait Receiver {}
#[lang = "drop_in_place"]
unsafe fn drop_in_place<T: PointeeSized>(_: *mut T) {}
#[lang = "neg"]
pub trait Neg {
    type Output;
    fn neg(self) -> Self::Output;
}
impl Neg for i32 {
    type Output = i32;
    fn neg(self) -> i32 {
        -self
    }
}
#[lang = "unsize"]
pub trait Unsize<T: PointeeSized>: PointeeSized {}
#[lang = "coerce_unsized"]
pub trait CoerceUnsized<T> {}
impl<'a, 'b: 'a, T: PointeeSized + Unsize<U>, U: PointeeSized> CoerceUnsized<&'a U> for &'b T {}

impl Copy for u8 {}
impl Copy for u16 {}
impl Copy for u32 {}
impl Copy for i32 {}
impl Copy for usize {}
impl Copy for bool {}
impl<T: PointeeSized> Copy for &T {}
impl<T: PointeeSized> Copy for *const T {}
unsafe impl Sync for u32 {}
unsafe impl Sync for Reading {}
unsafe impl Sync for Message {}

extern "C" {
    fn rust_hold() -> i32;
    fn rust_crash() -> i32;
}

#[lang = "Option"]
pub enum Option<T> {
    None,
    Some(T),
}

pub mod plant {
    use crate::*;

    #[repr(C)]
    pub struct Point {
        pub x: i32,
        pub y: u16,
    }
    impl Copy for Point {}

    pub struct Generic<T> {
        pub held: T,
        pub name: &'static str,
    }

    #[inline(never)]
    pub fn descend(depth: Option<u32>, point: &Point, words: &[u16], name: &str) -> i32 {
        let tuple = (point.x, true, 'r');
        let message = Message::Move { x: 7, y: 5 };
        let generic = Generic { held: 77u8, name: "held" };
        unsafe { rust_use(&tuple as *const (i32, bool, char) as *const u8) };
        unsafe { rust_use(&generic as *const Generic<u8> as *const u8) };
        unsafe { rust_use(&words as *const &[u16] as *const u8) };
        unsafe { rust_use(&name as *const &str as *const u8) };
        super::show(&message, point)
    }
}

use plant::Point;

pub enum Message {
    Quit,
    Move { x: i32, y: i32 },
    Text(&'static str),
    Level(u8, u16),
}

pub struct Reading {
    pub value: u32,
    pub next: Option<&'static Reading>,
    pub state: State,
}

#[repr(u8)]
pub enum State {
    Idle = 1,
    Busy = 7,
}

extern "C" {
    fn rust_use(p: *const u8);
}

pub static FIRST: Reading = Reading { value: 11, next: Option::Some(&SECOND), state: State::Busy };
pub static SECOND: Reading = Reading { value: 22, next: Option::None, state: State::Idle };
pub static TEXT: Message = Message::Text("static text");
pub static LEVEL: Message = Message::Level(3, 4000);
pub static mut COUNTER: u32 = 5;

#[inline(never)]
fn show(message: &Message, point: &Point) -> i32 {
    let copy = *point;
    let nothing: Option<&Reading> = Option::None;
    let something: Option<&Reading> = Option::Some(&FIRST);
    let number: Option<u32> = Option::Some(9);
    let quit = Message::Quit;
    unsafe {
        rust_use(&copy as *const Point as *const u8);
        rust_use(&nothing as *const Option<&Reading> as *const u8);
        rust_use(&something as *const Option<&Reading> as *const u8);
        rust_use(&number as *const Option<u32> as *const u8);
        rust_use(&quit as *const Message as *const u8);
        rust_use(message as *const Message as *const u8);
        rust_crash()
    }
}

#[no_mangle]
pub extern "C" fn rust_waits(n: u32) -> i32 {
    let array = [n, 2, 3];
    let pair = (n, Option::Some(n));
    unsafe {
        rust_use(&array as *const [u32; 3] as *const u8);
        rust_use(&pair as *const (u32, Option<u32>) as *const u8);
        rust_hold()
    }
}

#[no_mangle]
pub extern "C" fn rust_crashes(n: u32) -> i32 {
    let point = Point { x: -3i32, y: 4 };
    let words = [1u16, 2, 3, 4];
    plant::descend(Option::Some(n), &point, &words, "a name")
}
