import { describe, expect, it } from 'vitest';
import { mountsBelow } from '../../../images/sweep.ts';

const mountinfo = [
  '22 1 8:1 / / rw - ext4 /dev/vda rw',
  '40 22 0:4 / /cache/.making-1/root/dev rw - devtmpfs none rw',
  '41 40 0:5 / /cache/.making-1/root/dev/pts rw - devpts none rw',
  '42 22 0:6 / /cache/.making-1\\040b/root/sys rw - sysfs sys rw',
  '43 22 0:7 / /cache/.making-12/root/proc rw - proc proc rw',
].join('\n');

describe('mounts of a making that was killed', () => {
  it('are named deepest first, those of other folders not', () => {
    expect(mountsBelow('/cache/.making-1', mountinfo)).toEqual(['/cache/.making-1/root/dev/pts', '/cache/.making-1/root/dev']);
    expect(mountsBelow('/cache/.making-1 b', mountinfo)).toEqual(['/cache/.making-1 b/root/sys']);
    expect(mountsBelow('/cache/.making-2', mountinfo)).toEqual([]);
  });
});
