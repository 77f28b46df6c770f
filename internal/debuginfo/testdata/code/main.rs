// Rust's namespaces, generics, closures and statics.
use std::hint::black_box;

static mut COUNTER: u32 = 3;

mod driver {
    pub static LIMIT: u32 = 17;

    pub struct Uart {
        pub baud: u32,
    }

    impl Uart {
        #[inline(never)]
        pub fn run(&mut self, x: u32) -> u32 {
            let local = x + self.baud;
            super::black_box(&local);
            local + LIMIT
        }
    }

    #[inline(never)]
    pub fn generic<T: Copy + Into<u64>>(x: T) -> u64 {
        let wide: u64 = x.into();
        super::black_box(wide) + 1
    }
}

fn main() {
    let mut u = driver::Uart { baud: black_box(9) };
    let a = u.run(4);
    let add = |y: u32| black_box(y) + a;
    unsafe { COUNTER += add(2) };
    black_box(driver::generic(a) + driver::generic(7u8) + unsafe { COUNTER } as u64);
}
