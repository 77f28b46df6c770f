#!/bin/sh
# Rebuilds the ELFs of this directory from probe.c (GCC 12.2, clang 14, Debian 12).
# dead() is removed by --gc-sections and leaves its frame entry at address 0.
set -e
cd "$(dirname "$0")"
common="-g -ffreestanding -nostdlib -static -ffunction-sections -fdata-sections -ffile-prefix-map=$PWD=. -Wl,--gc-sections,--nmagic"

arm="-mthumb -Wl,-Ttext=0,-Tdata=0x20000000"
arm-none-eabi-gcc $common $arm -mcpu=cortex-m3 -Og -o cortex-m3-og.elf probe.c
arm-none-eabi-gcc $common $arm -mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16 -DFLOATING -O2 -Wl,--build-id=sha1 -o cortex-m4-o2.elf probe.c
arm-none-eabi-gcc $common -marm -mcpu=cortex-a9 -Os -Wl,-Ttext=0x8000 -o cortex-a9-os.elf probe.c
clang --target=thumbv7m-none-eabi -fuse-ld=lld $common -O2 -gdwarf-5 -Wl,-Ttext=0x8000,-Tdata=0x20000000 -o cortex-m3-clang.elf probe.c

riscv="-Wl,-Ttext=0x20000000,-Tdata=0x80000000"
riscv64-unknown-elf-gcc $common $riscv -march=rv32imac -mabi=ilp32 -O2 -o rv32-o2.elf probe.c
riscv64-unknown-elf-gcc $common $riscv -march=rv64gc -mabi=lp64d -mcmodel=medany -DFLOATING -Og -gdwarf64 -gdwarf-5 -o rv64-og.elf probe.c

hosted="-no-pie -Wl,-z,max-page-size=0x1000,-z,common-page-size=0x1000,-z,noseparate-code"
aarch64-linux-gnu-gcc $common $hosted -mbranch-protection=standard -O2 -Wl,--build-id=sha1 -o aarch64-o2.elf probe.c
gcc $common $hosted -O2 -gdwarf-4 -gz=zlib -fno-stack-protector -o x86-64-o2.elf probe.c
i686-linux-gnu-gcc $common $hosted -Og -fno-stack-protector -fno-asynchronous-unwind-tables -o i386-og.elf probe.c

# What must be refused.
gcc -c -ffreestanding -o object.o probe.c
