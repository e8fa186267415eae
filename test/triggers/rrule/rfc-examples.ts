/**
 * The examples of RFC 5545, section 3.8.5.3, in its order. Each: what it is called there, its lines without the zone, the
 * dates that the RFC gives (as `1997-09-02`, at nine unless a time is given), and whether it says that they go on.
 *
 * A list of days may be written as ranges: `1997-09-02..11`, or `1997-09-02..11/2` for every second one.
 */
export const examples: ReadonlyArray<
  readonly [name: string, lines: ReadonlyArray<string>, dates: ReadonlyArray<string>, goesOn: boolean]
> = [
  ["daily for 10 occurrences", ["RRULE:FREQ=DAILY;COUNT=10"], ["1997-09-02..11"], false],
  [
    "daily until December 24, 1997",
    ["RRULE:FREQ=DAILY;UNTIL=19971224T000000Z"],
    ["1997-09-02..30", "1997-10-01..31", "1997-11-01..30", "1997-12-01..23"],
    false
  ],
  [
    "every other day, forever",
    ["RRULE:FREQ=DAILY;INTERVAL=2"],
    ["1997-09-02..30/2", "1997-10-02..30/2", "1997-11-01..29/2", "1997-12-01..5/2"],
    true
  ],
  [
    "every 10 days, 5 occurrences",
    ["RRULE:FREQ=DAILY;INTERVAL=10;COUNT=5"],
    ["1997-09-02", "1997-09-12", "1997-09-22", "1997-10-02", "1997-10-12"],
    false
  ],
  [
    "every day in January, for 3 years, as a yearly rule",
    [
      "DTSTART;TZID=America/New_York:19980101T090000",
      "RRULE:FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA"
    ],
    ["1998-01-01..31", "1999-01-01..31", "2000-01-01..31"],
    false
  ],
  [
    "every day in January, for 3 years, as a daily rule",
    ["DTSTART;TZID=America/New_York:19980101T090000", "RRULE:FREQ=DAILY;UNTIL=20000131T140000Z;BYMONTH=1"],
    ["1998-01-01..31", "1999-01-01..31", "2000-01-01..31"],
    false
  ],
  [
    "weekly for 10 occurrences",
    ["RRULE:FREQ=WEEKLY;COUNT=10"],
    ["1997-09-02..30/7", "1997-10-07..28/7", "1997-11-04"],
    false
  ],
  [
    "weekly until December 24, 1997",
    ["RRULE:FREQ=WEEKLY;UNTIL=19971224T000000Z"],
    ["1997-09-02..30/7", "1997-10-07..28/7", "1997-11-04..25/7", "1997-12-02..23/7"],
    false
  ],
  [
    "every other week, forever",
    ["RRULE:FREQ=WEEKLY;INTERVAL=2;WKST=SU"],
    [
      "1997-09-02",
      "1997-09-16..30/14",
      "1997-10-14..28/14",
      "1997-11-11..25/14",
      "1997-12-09..23/14",
      "1998-01-06",
      "1998-01-20",
      "1998-02-03",
      "1998-02-17"
    ],
    true
  ],
  [
    "weekly on Tuesday and Thursday for five weeks, until",
    ["RRULE:FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH"],
    [
      "1997-09-02",
      "1997-09-04",
      "1997-09-09",
      "1997-09-11",
      "1997-09-16",
      "1997-09-18",
      "1997-09-23",
      "1997-09-25",
      "1997-09-30",
      "1997-10-02"
    ],
    false
  ],
  [
    "weekly on Tuesday and Thursday for five weeks, counted",
    ["RRULE:FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH"],
    [
      "1997-09-02",
      "1997-09-04",
      "1997-09-09",
      "1997-09-11",
      "1997-09-16",
      "1997-09-18",
      "1997-09-23",
      "1997-09-25",
      "1997-09-30",
      "1997-10-02"
    ],
    false
  ],
  [
    "every other week on Monday, Wednesday and Friday until December 24, 1997",
    [
      "DTSTART;TZID=America/New_York:19970901T090000",
      "RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR"
    ],
    [
      "1997-09-01..5/2",
      "1997-09-15..19/2",
      "1997-09-29",
      "1997-10-01..3/2",
      "1997-10-13..17/2",
      "1997-10-27..31/2",
      "1997-11-10..14/2",
      "1997-11-24..28/2",
      "1997-12-08..12/2",
      "1997-12-22"
    ],
    false
  ],
  [
    "every other week on Tuesday and Thursday, for 8 occurrences",
    ["RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH"],
    ["1997-09-02..4/2", "1997-09-16..18/2", "1997-09-30", "1997-10-02", "1997-10-14..16/2"],
    false
  ],
  [
    "monthly on the first Friday for 10 occurrences",
    ["DTSTART;TZID=America/New_York:19970905T090000", "RRULE:FREQ=MONTHLY;COUNT=10;BYDAY=1FR"],
    [
      "1997-09-05",
      "1997-10-03",
      "1997-11-07",
      "1997-12-05",
      "1998-01-02",
      "1998-02-06",
      "1998-03-06",
      "1998-04-03",
      "1998-05-01",
      "1998-06-05"
    ],
    false
  ],
  [
    "monthly on the first Friday until December 24, 1997",
    ["DTSTART;TZID=America/New_York:19970905T090000", "RRULE:FREQ=MONTHLY;UNTIL=19971224T000000Z;BYDAY=1FR"],
    ["1997-09-05", "1997-10-03", "1997-11-07", "1997-12-05"],
    false
  ],
  [
    "every other month on the first and last Sunday, for 10 occurrences",
    ["DTSTART;TZID=America/New_York:19970907T090000", "RRULE:FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU"],
    [
      "1997-09-07",
      "1997-09-28",
      "1997-11-02",
      "1997-11-30",
      "1998-01-04",
      "1998-01-25",
      "1998-03-01",
      "1998-03-29",
      "1998-05-03",
      "1998-05-31"
    ],
    false
  ],
  [
    "monthly on the second-to-last Monday for 6 months",
    ["DTSTART;TZID=America/New_York:19970922T090000", "RRULE:FREQ=MONTHLY;COUNT=6;BYDAY=-2MO"],
    ["1997-09-22", "1997-10-20", "1997-11-17", "1997-12-22", "1998-01-19", "1998-02-16"],
    false
  ],
  [
    "monthly on the third-to-last day, forever",
    ["DTSTART;TZID=America/New_York:19970928T090000", "RRULE:FREQ=MONTHLY;BYMONTHDAY=-3"],
    ["1997-09-28", "1997-10-29", "1997-11-28", "1997-12-29", "1998-01-29", "1998-02-26"],
    true
  ],
  [
    "monthly on the 2nd and 15th for 10 occurrences",
    ["RRULE:FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15"],
    [
      "1997-09-02",
      "1997-09-15",
      "1997-10-02",
      "1997-10-15",
      "1997-11-02",
      "1997-11-15",
      "1997-12-02",
      "1997-12-15",
      "1998-01-02",
      "1998-01-15"
    ],
    false
  ],
  [
    "monthly on the first and last day for 10 occurrences",
    ["DTSTART;TZID=America/New_York:19970930T090000", "RRULE:FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1"],
    [
      "1997-09-30",
      "1997-10-01",
      "1997-10-31",
      "1997-11-01",
      "1997-11-30",
      "1997-12-01",
      "1997-12-31",
      "1998-01-01",
      "1998-01-31",
      "1998-02-01"
    ],
    false
  ],
  [
    "every 18 months on the 10th through 15th, for 10 occurrences",
    [
      "DTSTART;TZID=America/New_York:19970910T090000",
      "RRULE:FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15"
    ],
    ["1997-09-10..15", "1999-03-10..13"],
    false
  ],
  [
    "every Tuesday, every other month",
    ["RRULE:FREQ=MONTHLY;INTERVAL=2;BYDAY=TU"],
    ["1997-09-02..30/7", "1997-11-04..25/7", "1998-01-06..27/7", "1998-03-03..31/7"],
    true
  ],
  [
    "yearly in June and July for 10 occurrences",
    ["DTSTART;TZID=America/New_York:19970610T090000", "RRULE:FREQ=YEARLY;COUNT=10;BYMONTH=6,7"],
    [
      "1997-06-10",
      "1997-07-10",
      "1998-06-10",
      "1998-07-10",
      "1999-06-10",
      "1999-07-10",
      "2000-06-10",
      "2000-07-10",
      "2001-06-10",
      "2001-07-10"
    ],
    false
  ],
  [
    "every other year in January, February and March, for 10 occurrences",
    ["DTSTART;TZID=America/New_York:19970310T090000", "RRULE:FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3"],
    [
      "1997-03-10",
      "1999-01-10",
      "1999-02-10",
      "1999-03-10",
      "2001-01-10",
      "2001-02-10",
      "2001-03-10",
      "2003-01-10",
      "2003-02-10",
      "2003-03-10"
    ],
    false
  ],
  [
    "every third year on the 1st, 100th and 200th day, for 10 occurrences",
    ["DTSTART;TZID=America/New_York:19970101T090000", "RRULE:FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200"],
    [
      "1997-01-01",
      "1997-04-10",
      "1997-07-19",
      "2000-01-01",
      "2000-04-09",
      "2000-07-18",
      "2003-01-01",
      "2003-04-10",
      "2003-07-19",
      "2006-01-01"
    ],
    false
  ],
  [
    "every 20th Monday of the year, forever",
    ["DTSTART;TZID=America/New_York:19970519T090000", "RRULE:FREQ=YEARLY;BYDAY=20MO"],
    ["1997-05-19", "1998-05-18", "1999-05-17"],
    true
  ],
  [
    "Monday of week number 20, forever",
    ["DTSTART;TZID=America/New_York:19970512T090000", "RRULE:FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO"],
    ["1997-05-12", "1998-05-11", "1999-05-17"],
    true
  ],
  [
    "every Thursday in March, forever",
    ["DTSTART;TZID=America/New_York:19970313T090000", "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=TH"],
    ["1997-03-13..27/7", "1998-03-05..26/7", "1999-03-04..25/7"],
    true
  ],
  [
    "every Thursday, but only in June, July and August, forever",
    ["DTSTART;TZID=America/New_York:19970605T090000", "RRULE:FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8"],
    [
      "1997-06-05..26/7",
      "1997-07-03..31/7",
      "1997-08-07..28/7",
      "1998-06-04..25/7",
      "1998-07-02..30/7",
      "1998-08-06..27/7",
      "1999-06-03..24/7",
      "1999-07-01..29/7",
      "1999-08-05..26/7"
    ],
    true
  ],
  [
    "every Friday the 13th, forever",
    [
      "DTSTART;TZID=America/New_York:19970902T090000",
      "EXDATE;TZID=America/New_York:19970902T090000",
      "RRULE:FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13"
    ],
    ["1998-02-13", "1998-03-13", "1998-11-13", "1999-08-13", "2000-10-13"],
    true
  ],
  [
    "the first Saturday that follows the first Sunday of the month, forever",
    ["DTSTART;TZID=America/New_York:19970913T090000", "RRULE:FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13"],
    [
      "1997-09-13",
      "1997-10-11",
      "1997-11-08",
      "1997-12-13",
      "1998-01-10",
      "1998-02-07",
      "1998-03-07",
      "1998-04-11",
      "1998-05-09",
      "1998-06-13"
    ],
    true
  ],
  [
    "every 4 years, the first Tuesday after a Monday in November, forever (US Presidential Election day)",
    [
      "DTSTART;TZID=America/New_York:19961105T090000",
      "RRULE:FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8"
    ],
    ["1996-11-05", "2000-11-07", "2004-11-02"],
    true
  ],
  [
    "the third instance into the month of one of Tuesday, Wednesday, or Thursday, for the next 3 months",
    ["DTSTART;TZID=America/New_York:19970904T090000", "RRULE:FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3"],
    ["1997-09-04", "1997-10-07", "1997-11-06"],
    false
  ],
  [
    "the second-to-last weekday of the month",
    ["DTSTART;TZID=America/New_York:19970929T090000", "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2"],
    ["1997-09-29", "1997-10-30", "1997-11-27", "1997-12-30", "1998-01-29", "1998-02-26", "1998-03-30"],
    true
  ],
  [
    // as erratum 3883 corrects it: 17:00 in New York is 21:00 UTC
    "every 3 hours from 9:00 AM to 5:00 PM on a specific day",
    ["RRULE:FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z"],
    ["1997-09-02 09:00", "1997-09-02 12:00", "1997-09-02 15:00"],
    false
  ],
  [
    "every 15 minutes for 6 occurrences",
    ["RRULE:FREQ=MINUTELY;INTERVAL=15;COUNT=6"],
    [
      "1997-09-02 09:00",
      "1997-09-02 09:15",
      "1997-09-02 09:30",
      "1997-09-02 09:45",
      "1997-09-02 10:00",
      "1997-09-02 10:15"
    ],
    false
  ],
  [
    "every hour and a half for 4 occurrences",
    ["RRULE:FREQ=MINUTELY;INTERVAL=90;COUNT=4"],
    ["1997-09-02 09:00", "1997-09-02 10:30", "1997-09-02 12:00", "1997-09-02 13:30"],
    false
  ],
  [
    "every 20 minutes from 9:00 AM to 4:40 PM every day, as a daily rule",
    ["RRULE:FREQ=DAILY;BYHOUR=9,10,11,12,13,14,15,16;BYMINUTE=0,20,40"],
    ["1997-09-02", "1997-09-03"].flatMap((day) =>
      [9, 10, 11, 12, 13, 14, 15, 16].flatMap((hour) =>
        ["00", "20", "40"].map((minute) => `${day} ${String(hour).padStart(2, "0")}:${minute}`)
      )
    ),
    true
  ],
  [
    "every 20 minutes from 9:00 AM to 4:40 PM every day, as a minutely rule",
    ["RRULE:FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11,12,13,14,15,16"],
    ["1997-09-02", "1997-09-03"].flatMap((day) =>
      [9, 10, 11, 12, 13, 14, 15, 16].flatMap((hour) =>
        ["00", "20", "40"].map((minute) => `${day} ${String(hour).padStart(2, "0")}:${minute}`)
      )
    ),
    true
  ],
  [
    "where the days generated make a difference because of the start of the week: Monday",
    ["DTSTART;TZID=America/New_York:19970805T090000", "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO"],
    ["1997-08-05", "1997-08-10", "1997-08-19", "1997-08-24"],
    false
  ],
  [
    "and Sunday",
    ["DTSTART;TZID=America/New_York:19970805T090000", "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU"],
    ["1997-08-05", "1997-08-17", "1997-08-19", "1997-08-31"],
    false
  ],
  [
    "where an invalid date (February 30) is ignored",
    ["DTSTART;TZID=America/New_York:20070115T090000", "RRULE:FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5"],
    ["2007-01-15", "2007-01-30", "2007-02-15", "2007-03-15", "2007-03-30"],
    false
  ]
]

/** The days of a range, each with its time. */
export const expand = (range: string): ReadonlyArray<string> => {
  const [from, time = "09:00"] = range.split(" ") as [string, string | undefined]
  const [first, rest] = from.split("..") as [string, string | undefined]
  const [last, step = "1"] = (rest ?? first.slice(8)).split("/") as [string, string | undefined]
  const days: Array<string> = []
  for (let day = Number(first.slice(8)); day <= Number(last); day += Number(step)) {
    days.push(`${first.slice(0, 8)}${String(day).padStart(2, "0")} ${time}`)
  }
  return days
}

/** The text of an example: its lines, and the start that most of them share. */
export const textOf = (lines: ReadonlyArray<string>): string =>
  (lines.some((line) => line.startsWith("DTSTART"))
    ? lines
    : ["DTSTART;TZID=America/New_York:19970902T090000", ...lines]).join("\n")
