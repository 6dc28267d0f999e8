-- What a measurement of the battery asked, so that the next one need not ask it again of what did not change.

alter table quality.look add column basis varchar(64);
