// rust-dwarf4.elf and rust-dwarf5.elf are this, built by rustc 1.95.0:
//
//	rustc --edition 2021 -g -Cpanic=abort --emit=obj -Cdwarf-version=4 -o types.o types.rs
//	ld -o rust-dwarf4.elf types.o -e _start --unresolved-symbols=ignore-all
//
// and with -Cdwarf-version=5 -Copt-level=2.
#![no_std]
#![no_main]
use core::num::NonZeroU32;
pub mod drv {
    pub struct Point { pub x: i32, pub y: u8 }
    pub enum Msg { Quit, Move { x: i32, y: i32 }, Write(u8, u16), Color(Point) }
    #[repr(u8)] pub enum Level { Low = 1, High = 200 }
    pub enum Signed { Neg = -1, Pos = 1 }
    pub struct Generic<T, const N: usize> { pub items: [T; N], pub len: usize }
    pub union Both { pub a: u32, pub b: f32 }
    pub struct Unit;
    pub struct Tuple(pub u8, pub i64);
}
use drv::*;
#[no_mangle] pub static mut P: Point = Point { x: 1, y: 2 };
#[no_mangle] pub static mut M: Msg = Msg::Move { x: 1, y: 2 };
#[no_mangle] pub static mut O: Option<u32> = Some(3);
#[no_mangle] pub static mut OR: Option<&'static Point> = None;
#[no_mangle] pub static mut ON: Option<NonZeroU32> = None;
#[no_mangle] pub static mut OO: Option<Option<bool>> = None;
#[no_mangle] pub static mut OOO: Option<Option<Option<u8>>> = None;
#[no_mangle] pub static mut R: Result<u8, &'static str> = Ok(3);
#[no_mangle] pub static mut L: Level = Level::Low;
#[no_mangle] pub static mut SG: Signed = Signed::Neg;
#[no_mangle] pub static mut G: Generic<u16, 3> = Generic { items: [1, 2, 3], len: 3 };
#[no_mangle] pub static mut B: Both = Both { a: 1 };
#[no_mangle] pub static mut U: Unit = Unit;
#[no_mangle] pub static mut T: Tuple = Tuple(1, 2);
#[no_mangle] pub static mut TT: (u8, char, bool, f64, ()) = (1, 'a', true, 1.5, ());
#[no_mangle] pub static mut S: &'static str = "hello";
#[no_mangle] pub static mut SL: &'static [u16] = &[1, 2];
#[no_mangle] pub static mut AR: [[u8; 4]; 2] = [[0; 4]; 2];
#[no_mangle] pub static mut PTR: *const Point = core::ptr::null();
#[no_mangle] pub static mut PM: *mut u8 = core::ptr::null_mut();
#[no_mangle] pub static mut F: fn(i32, &Point) -> u8 = f;
#[no_mangle] pub static mut FU: Option<fn()> = None;
#[no_mangle] pub static mut I: i128 = 5;
#[no_mangle] pub static mut ORD: core::cmp::Ordering = core::cmp::Ordering::Less;
#[no_mangle] pub static mut DY: Option<&'static (dyn Fn(u8) -> u8 + Sync)> = None;
#[no_mangle] pub static mut BX: core::cell::Cell<u32> = core::cell::Cell::new(1);
fn f(a: i32, p: &Point) -> u8 { a as u8 + p.y }
#[no_mangle] pub extern "C" fn _start() -> ! { unsafe { F(1, &*core::ptr::addr_of!(P)); } loop {} }
#[panic_handler] fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
