"""The days of clock-changes.ts, as APScheduler 3 has them (Debian: apt-get install python3-apscheduler; /usr/bin/python3 clock-changes.py)."""
import datetime

import apscheduler
import pytz
from apscheduler.triggers.cron import CronTrigger

CASES = [
    ("gap, fixed time", "30 2 * * *", "America/New_York", "2026-03-08T05:00", "2026-03-09T04:00"),
    ("gap, steps in the hour", "*/20 2 * * *", "America/New_York", "2026-03-08T05:00", "2026-03-09T04:00"),
    ("overlap, fixed time", "30 1 * * *", "America/New_York", "2026-11-01T04:00", "2026-11-02T05:00"),
    ("overlap, hourly", "0 * * * *", "America/New_York", "2026-11-01T04:30", "2026-11-01T07:30"),
    ("day after a gap, 00:30", "30 0 * * *", "America/New_York", "2026-03-08T06:00", "2026-03-11T03:00"),
]

print("APScheduler", apscheduler.version)
for name, expression, zone, start, end in CASES:
    tz = pytz.timezone(zone)
    trigger = CronTrigger.from_crontab(expression, timezone=tz)
    now = pytz.utc.localize(datetime.datetime.fromisoformat(start)).astimezone(tz)
    until = pytz.utc.localize(datetime.datetime.fromisoformat(end))
    previous, fires = None, []
    while len(fires) < 12:
        fire = trigger.get_next_fire_time(previous, now)
        if fire is None or fire >= until:
            break
        fires.append(fire.astimezone(pytz.utc).strftime("%d %H:%M"))
        previous = now = fire
    print(f"{name}: {expression} in {zone}: {', '.join(fires) or 'nothing'}")
