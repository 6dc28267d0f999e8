-- Functions that compiled SQL relies on; another engine brings functions of the same names.

-- Text without blanks around it; NULL when nothing is left. Most texts need no trimming, and asking is much cheaper.
create or replace macro omop_blank(t) as case
  when t = '' then null
  when starts_with(t, ' ') or ends_with(t, ' ') then nullif(trim(t), '')
  else t end;

-- Text to timestamp: ISO, compact (20240131, 202401311530, 20240131153000), slashes or dots between the parts.
create or replace macro omop_try_timestamp(t) as coalesce(
  try_cast(t as timestamp),
  case when regexp_full_match(t, '\s*[0-9]{8}([ T]?[0-9]{4}([0-9]{2})?)?\s*') then
    case length(regexp_replace(t, '[^0-9]', '', 'g'))
      when 8 then try_strptime(regexp_replace(t, '[^0-9]', '', 'g'), '%Y%m%d')
      when 12 then try_strptime(regexp_replace(t, '[^0-9]', '', 'g'), '%Y%m%d%H%M')
      when 14 then try_strptime(regexp_replace(t, '[^0-9]', '', 'g'), '%Y%m%d%H%M%S') end
  end,
  try_cast(replace(replace(trim(t), '/', '-'), '.', '-') as timestamp),
  try_strptime(trim(t), ['%Y-%m-%d %H:%M', '%Y/%m/%d %H:%M', '%Y.%m.%d %H:%M', '%Y-%m-%d %H%M', '%Y-%m-%d %H%M%S']));

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
create or replace macro omop_end(t) as case when year(omop_try_timestamp(t)) < 2900 then omop_try_timestamp(t) end;

-- Full-width digits and signs as Korean keyboards write them.
create or replace macro omop_narrow(t) as translate(t, '０１２３４５６７８９．，－＋＜＞％', '0123456789.,-+<>%');

-- A number, or NULL for infinity and what is not a number.
create or replace macro omop_finite(n) as case when isfinite(n) then n end;

-- Text to number: full-width digits, commas between thousands; anything else is NULL.
create or replace macro omop_try_number(t) as omop_finite(coalesce(
  try_cast(t as double),
  case when regexp_full_match(trim(omop_narrow(t)), '[-+]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?')
       then try_cast(replace(trim(omop_narrow(t)), ',', '') as double)
       else try_cast(trim(omop_narrow(t)) as double) end));

-- The comparison sign in front of a result, as OMOP's operator concept; '=' stays NULL.
create or replace macro omop_operator(t) as case
  when t is null or t[1] between '0' and '9' then null
  when regexp_matches(omop_narrow(t), '^\s*(<=|≤|=<)\s*[0-9.]') then 4171754
  when regexp_matches(omop_narrow(t), '^\s*(>=|≥|=>)\s*[0-9.]') then 4171755
  when regexp_matches(omop_narrow(t), '^\s*<\s*[0-9.]') then 4171756
  when regexp_matches(omop_narrow(t), '^\s*>\s*[0-9.]') then 4172704 end;

-- The number of a measured result, with or without a comparison sign in front.
create or replace macro omop_result_number(t) as omop_finite(coalesce(
  try_cast(t as double),
  omop_try_number(regexp_replace(omop_narrow(t), '^\s*(<=|≤|=<|>=|≥|=>|<|>|=)\s*', ''))));
