#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Turns 8-bit RGB PNG files into binary PPM files, for machines without a picture library.
usage: png_to_ppm.py FOLDER PNG..."""
import os
import struct
import sys
import zlib


def decode(data):
    """The width, height and R G B bytes of a PNG: 8 bits, colour type 2, not interlaced."""
    if data[:8] != b'\x89PNG\r\n\x1a\n':
        raise ValueError('not a PNG file')
    at, packed = 8, b''
    while at < len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        if kind == b'IHDR':
            width, height, depth, colour, _, _, interlace = struct.unpack('>IIBBBBB', body)
            if (depth, colour, interlace) != (8, 2, 0):
                raise ValueError('not 8-bit RGB without interlacing')
        elif kind == b'IDAT':
            packed += body
        at += 12 + size
    raw, row = zlib.decompress(packed), 3 * width
    out, above = bytearray(), bytearray(row)
    for y in range(height):
        begin = y * (row + 1)
        line = bytearray(raw[begin + 1:begin + 1 + row])
        unfilter(raw[begin], line, above)
        out += line
        above = line
    return width, height, bytes(out)


def unfilter(kind, line, above):
    """Undoes a row's filter in place (PNG specification, section 9)."""
    for i in range(len(line) if kind else 0):
        left = line[i - 3] if i >= 3 else 0
        up, corner = above[i], above[i - 3] if i >= 3 else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        else:
            to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
            guess = left if to_left <= to_up and to_left <= to_corner else up if to_up <= to_corner else corner
        line[i] = (line[i] + guess) & 255


def main():
    folder = sys.argv[1]
    for path in sys.argv[2:]:
        with open(path, 'rb') as file:
            width, height, rgb = decode(file.read())
        name = os.path.splitext(os.path.basename(path))[0] + '.ppm'
        with open(os.path.join(folder, name), 'wb') as file:
            file.write(b'P6\n%d %d\n255\n' % (width, height) + rgb)


if __name__ == '__main__':
    main()
