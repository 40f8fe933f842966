mod mutations;
mod table;
