-- Functions that compiled SQL relies on; another engine brings functions of the same names.

-- Whether a text may have a blank where a letter with this number stands; what begins and ends with ASCII or Hangul has none.
create or replace macro omop_odd(letter) as letter not between 33 and 126 and letter not between ord('가') and ord('힣');

-- Text without blanks around it; NULL when nothing is left. Blanks are those of any width or none, line ends, zero bytes.
-- Most texts need no trimming, and asking is much cheaper.
create or replace macro omop_blank(t) as case
  when t = '' then null
  when omop_odd(unicode(t)) or omop_odd(unicode(t[-1])) then nullif(regexp_replace(t,
    '^[\s\p{Z}\x{0}\x{b}\x{85}\x{200b}-\x{200f}\x{2060}\x{3164}\x{feff}]+|[\s\p{Z}\x{0}\x{b}\x{85}\x{200b}-\x{200f}\x{2060}\x{3164}\x{feff}]+$',
    '', 'g'), '')
  else t end;

-- A text as it lands: without zero bytes, which no text of PostgreSQL's can hold.
create or replace macro omop_text(t) as case when contains(t, chr(0)) then replace(t, chr(0), '') else t end;

-- A moment of the calendar; NULL for a year below 1000, which no hospital means.
create or replace macro omop_calendar(moment) as
  case when moment between timestamp '1000-01-01' and timestamp '9999-12-31 23:59:59' then moment end;

-- Whether the engine would read a text as a moment that no hospital means: a year below 1000, infinity, an era. The text is
-- asked and not the moment, whose expression would have to stand here several times.
create or replace macro omop_no_day(t) as (unicode(t) not between 49 and 57 or ends_with(t, ')'))
  and regexp_matches(t, '^\s*0[0-9]{3}([-./]|[0-9]{4})|^\s*[-+]?(?i:inf|epoch)|\((?i:bc)\)');

-- A year of two digits as Oracle writes them (RR): 50 to 99 are of the last century.
create or replace macro omop_rr(moment) as
  case when year(moment) between 2050 and 2068 then moment - interval 100 year else moment end;

-- Oracle's DD-MON-YY and DD-MON-YYYY, with or without a time.
create or replace macro omop_oracle(t) as case
  when regexp_matches(t, '^[0-9]{1,2}-[A-Za-z]{3}-[0-9]{4}') then
    try_strptime(t, ['%d-%b-%Y', '%d-%b-%Y %H:%M', '%d-%b-%Y %H:%M:%S', '%d-%b-%Y %I:%M:%S %p', '%d-%b-%Y %I.%M.%S.%g %p'])
  else omop_rr(
    try_strptime(t, ['%d-%b-%y', '%d-%b-%y %H:%M', '%d-%b-%y %H:%M:%S', '%d-%b-%y %I:%M:%S %p', '%d-%b-%y %I.%M.%S.%g %p'])) end;

-- Hours of half a day: 2026-01-09 오후 3:00, 2026-01-09 3:00 PM.
create or replace macro omop_half_day(t) as try_strptime(
  replace(replace(replace(replace(t, '/', '-'), '.', '-'), '오전', 'AM'), '오후', 'PM'),
  ['%Y-%m-%d %p %I:%M', '%Y-%m-%d %p %I:%M:%S', '%Y-%m-%d %I:%M %p', '%Y-%m-%d %I:%M:%S %p']);

-- A text without a time zone: ISO, compact (20240131, 202401311530, 20240131153000), slashes or dots between the parts, an
-- hour 24, hours of half a day, Oracle's 31-JAN-24.
create or replace macro omop_clock(t) as coalesce(
  try_cast(t as timestamp),
  case when regexp_full_match(t, '\s*[0-9]{8}([ T]?[0-9]{4}([0-9]{2})?)?\s*') then
    case when regexp_full_match(t, '\s*[0-9]{8}[ T]?24(00){1,2}\s*') then try_strptime(left(trim(t), 8), '%Y%m%d') + interval 1 day
    else case length(regexp_replace(t, '[^0-9]', '', 'g'))
      when 8 then try_strptime(regexp_replace(t, '[^0-9]', '', 'g'), '%Y%m%d')
      when 12 then try_strptime(regexp_replace(t, '[^0-9]', '', 'g'), '%Y%m%d%H%M')
      when 14 then try_strptime(regexp_replace(t, '[^0-9]', '', 'g'), '%Y%m%d%H%M%S') end end
  end,
  try_cast(replace(replace(trim(t), '/', '-'), '.', '-') as timestamp),
  try_strptime(trim(t), ['%Y-%m-%d %H:%M', '%Y/%m/%d %H:%M', '%Y.%m.%d %H:%M', '%Y-%m-%d %H%M', '%Y-%m-%d %H%M%S']),
  case when regexp_matches(t, '오[전후]|[AaPp][Mm]$') then omop_half_day(trim(t)) end,
  case when regexp_matches(t, '^\s*[0-9]{1,2}-[A-Za-z]{3}-') then omop_oracle(trim(t)) end);

-- An offset from UTC behind a time (+09:00, +0900, +09). Most texts are too short for one, and that is cheap to see.
create or replace macro omop_offset(t) as
  (length(t) > 19 or contains(t, '+')) and regexp_matches(t, ':[0-9]{2}(\.[0-9]+)?\s*[+-][0-9]{2}(:?[0-9]{2})?\s*$');

-- Text to timestamp; of an instant with its time zone, what the hospital's clock showed then (`omop_here`: its zone).
create or replace macro omop_try_timestamp(t) as case
  when omop_no_day(t) then null
  when ends_with(t, 'Z') then omop_here(coalesce(try_cast(t as timestamp), omop_clock(rtrim(t, 'Z'))))
  when omop_offset(t) then omop_here(timezone('UTC', coalesce(
    try_cast(t as timestamptz), try_cast(regexp_replace(trim(t), '\s+([+-][0-9:]+)$', '\1') as timestamptz),
    try_cast(regexp_replace(trim(t), '([T ][0-9]{2}:[0-9]{2})\s*([+-][0-9:]+)$', '\1:00\2') as timestamptz))))
  else omop_clock(t) end;

-- A moment read from a text by another clock: an instant with its own zone, and a day without a time, stay as they are.
create or replace macro omop_from(zone, t, moment) as case
  when ends_with(t, 'Z') or omop_offset(t) or (moment = date_trunc('day', moment) and not contains(t, ':')) then moment
  else omop_here(timezone('UTC', timezone(zone, moment))) end;

-- How much of a date a text tells: 'day', 'month' (1980-03, 19800300) or 'year' (1980, 19800000); NULL when it is no date.
-- Six digits are not read: 198003 may be a month, and 800315 is a day.
create or replace macro omop_known(t) as case
  when omop_try_timestamp(t) is not null then 'day'
  when regexp_full_match(t, '\s*(18|19|20|21)[0-9]{2}([-./](0[1-9]|1[0-2])([-./]00)?|(0[1-9]|1[0-2])00)\s*') then 'month'
  when regexp_full_match(t, '\s*(18|19|20|21)[0-9]{2}([-./]?00[-./]?00|[-./]00)?\s*') then 'year' end;

-- The first moment of what a text tells of a date; see omop_known.
create or replace macro omop_partial(t) as case omop_known(t)
  when 'day' then omop_try_timestamp(t)
  when 'month' then try_strptime(left(regexp_replace(t, '[^0-9]', '', 'g'), 6) || '01', '%Y%m%d')
  when 'year' then try_strptime(left(trim(t), 4) || '0101', '%Y%m%d') end;

-- The last day of what is known of a date, given its first moment and omop_known's word.
create or replace macro omop_last_day(first_moment, known) as case known
  when 'month' then last_day(first_moment::date)
  when 'year' then make_date(year(first_moment), 12, 31)
  else first_moment::date end;

-- Open ends such as 29991231 and 9999-12-31 mean: not ended.
create or replace macro omop_closed(moment) as case when year(moment) < 2900 then moment end;
create or replace macro omop_end(t) as omop_closed(omop_try_timestamp(t));

-- Full-width digits and signs as Korean keyboards write them.
create or replace macro omop_narrow(t) as translate(t, '０１２３４５６７８９．，－＋＜＞％', '0123456789.,-+<>%');

-- A number, or NULL for infinity and what is not a number.
create or replace macro omop_finite(n) as case when isfinite(n) then n end;

-- Text to number: full-width digits, commas between thousands; anything else is NULL. Nobody writes thousands behind a
-- zero: 0,125 is an eighth where a comma stands before decimals.
create or replace macro omop_try_number(t) as omop_finite(coalesce(
  try_cast(t as double),
  case when regexp_full_match(trim(omop_narrow(t)), '[-+]?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]*)?')
       then try_cast(replace(trim(omop_narrow(t)), ',', '') as double)
       else try_cast(trim(omop_narrow(t)) as double) end));

-- The comparison sign in front of a result, as OMOP's operator concept; '=' stays NULL.
create or replace macro omop_operator(t) as case
  when t is null or t[1] between '0' and '9' then null
  when regexp_matches(omop_narrow(t), '^\s*(<=|≤|=<)\s*[0-9.]') then 4171754
  when regexp_matches(omop_narrow(t), '^\s*(>=|≥|=>)\s*[0-9.]') then 4171755
  when regexp_matches(omop_narrow(t), '^\s*<\s*[0-9.]') then 4171756
  when regexp_matches(omop_narrow(t), '^\s*>\s*[0-9.]') then 4172704 end;

-- Days of supply: any amount is at least one day.
create or replace macro omop_days(n) as case when n > 0 then greatest(round(n), 1)::integer else round(n)::integer end;

-- Whether one moment lies before another, as far as both tell: of a day without a time only the day is compared.
create or replace macro omop_before(a, b) as
  a < b and (a::date < b::date or (a <> date_trunc('day', a) and b <> date_trunc('day', b)));

-- The number of a measured result, with or without a comparison sign in front.
create or replace macro omop_result_number(t) as omop_finite(coalesce(
  try_cast(t as double),
  omop_try_number(regexp_replace(omop_narrow(t), '^\s*(<=|≤|=<|>=|≥|=>|<|>|=)\s*', ''))));
